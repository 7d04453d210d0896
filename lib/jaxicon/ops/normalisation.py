"""Normalisations that have no state: of inputs, over neighbouring channels, over the features of one vector.

Notes    CS182 §4.3, §5.1.3.2 and §6.7.2.6; RL & DL notebook U3, FCNN; DL4CV lecture 13, slide 84
Paper    Krizhevsky, Sutskever & Hinton 2012, §3.3 (LRN); Ba, Kiros & Hinton 2016, arXiv:1607.06450 (layer norm)
Systems  norm.input_standardise norm.lrn norm.layernorm
Idea     standardise  (x - mean) / deviation, both of the training set, whatever x                          (1)
         LRN          b_i = a_i / (k + alpha sum_{|j - i| <= size / 2} a_j^2)^beta, over channels j           (2)
         layer norm   (x - mean_x) / sqrt(var_x + epsilon) * scale + bias, over the features of x             (3)

Conventions: deviations and variances are means over n, not n - 1. In (2), as published, alpha weighs the sum of the
squares; PyTorch weighs their mean, so that its alpha is `size` times ours. Channels beyond the ends count as 0, and of
an even `size` the odd one lies below, as in PyTorch. The epsilon of (3) is PyTorch's, 1e-5 (Flax has 1e-6, BERT 1e-12).
Batch normalisation, which has a state, is nn/batchnorm.py.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Rows = Float[Array | np.ndarray, "n d"]


class Statistics(NamedTuple):
    """Of every column of a training set."""

    mean: Float[Array | np.ndarray, "d"]
    deviation: Float[Array | np.ndarray, "d"]


def statistics(x: Rows) -> Statistics:
    """Means and deviations; a column that is constant has deviation 1, so that it becomes 0 and not NaN."""
    constant = x.min(0) == x.max(0)
    return Statistics(x.mean(0), x.std(0) * ~constant + constant)


def standardise(x: Rows, of: Statistics) -> Rows:
    """(1), with the statistics of another set, as a rule; arrays of NumPy stay on the host."""
    return (x - of.mean[None]) / of.deviation[None]


def local_response_norm(
    a: Float[Array, "*b c"], size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
) -> Float[Array, "*b c"]:
    """(2), channels last; the defaults are AlexNet's."""
    below = size // 2
    ends = [(0, 0)] * (a.ndim - 1) + [(below, size - 1 - below)]
    square = jnp.pad(jnp.square(a), ends)
    total = sum(square[..., i : i + a.shape[-1]] for i in range(size))
    return a / (k + alpha * total) ** beta


def layer_norm(
    x: Float[Array, "*b d"], scale: Float[Array, "d"], bias: Float[Array, "d"], epsilon: float = 1e-5
) -> Float[Array, "*b d"]:
    """(3), of every vector by itself."""
    along = lambda row: row.reshape((1,) * (x.ndim - 1) + (-1,))
    centred = x - x.mean(-1, keepdims=True)
    variance = jnp.square(centred).mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon) * along(scale) + along(bias)
