"""Batch normalisation: every feature has mean `bias` and deviation `scale` over the batch, then over the data.

Notes    CS182 §4.3; RL & DL notebook U3 BatchNorm, CNN §2.1
Paper    Ioffe & Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2
Systems  norm.batchnorm
Idea     training   y = (x - mean_B) / sqrt(var_B + epsilon) * scale + bias                                (1)
         inference  the same with running statistics, r <- momentum r + (1 - momentum) r_B                 (2)
Erratum  CS182 §4.3 omits epsilon, without which a constant feature divides by zero.

Conventions: var_B in (1) is the mean square deviation; what enters (2) is n / (n - 1) times it, the unbiased estimate
over the n values of a feature, as in the paper's algorithm 2 and in PyTorch (flax.linen.BatchNorm keeps the biased
one). A momentum of 0.9 here is PyTorch's 0.1: it weights the past.
"""

import jax.numpy as jnp
from flax import linen
from jax import lax

from jaxicon.nn.network import default_float


class BatchNorm(linen.Module):
    """x [..., c] -> [..., c]; over all axes but the last.

    Parameters: scale [c], bias [c]; collection batch_stats: mean [c], var [c], which training changes. Raises
    ValueError in training where a feature has one value only.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    @linen.compact
    def __call__(self, x, train: bool):
        features, dtype = x.shape[-1], default_float()
        scale = self.param("scale", linen.initializers.ones_init(), (features,), dtype)
        bias = self.param("bias", linen.initializers.zeros_init(), (features,), dtype)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, features, dtype)
        running_var = self.variable("batch_stats", "var", jnp.ones, features, dtype)
        along = lambda row: row.reshape((1,) * (x.ndim - 1) + (-1,))
        mean, var = running_mean.value, running_var.value
        if train:
            count, axes = x.size // features, tuple(range(x.ndim - 1))
            if count < 2:
                raise ValueError(f"batch normalisation: x {x.shape} has one value a feature; training takes more")
            mean = x.mean(axes)
            var = jnp.square(x - along(mean)).mean(axes)
            seen = (lax.stop_gradient(mean), lax.stop_gradient(var) * count / (count - 1))
            for running, new in zip((running_mean, running_var), seen, strict=True):
                running.value = self.momentum * running.value + (1 - self.momentum) * new  # (2)
        return (x - along(mean)) * along(scale * lax.rsqrt(var + self.epsilon)) + along(bias)  # (1)
