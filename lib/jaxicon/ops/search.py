"""Search without gradients: the cross-entropy method keeps a Gaussian and moves it to the best of its samples.

Notes    RL & DL notebook U2, model-based RL §4
Paper    Rubinstein 1999, Methodology and Computing in Applied Probability 1; De Boer et al. 2005, Annals of OR 134
Systems  rl.cem
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Gaussian(NamedTuple):
    """Independent coordinates of any shape."""

    mean: Float[Array, "*d"]
    std: Float[Array, "*d"]


def refit(samples: Float[Array, "n *d"], scores: Float[Array, "n"], elites: int) -> Gaussian:
    """The Gaussian of maximum likelihood of the `elites` samples with the highest scores."""
    best = samples[jax.lax.top_k(scores, elites)[1]]
    return Gaussian(best.mean(0), best.std(0))


def cem(
    key: jax.Array,
    score: Callable[[Float[Array, "*d"]], Float[Array, ""]],
    start: Gaussian,
    iterations: int,
    population: int,
    elites: int,
    low: float | np.ndarray = -np.inf,
    high: float | np.ndarray = np.inf,
    smoothing: float = 0.0,
) -> Gaussian:
    """Of the samples, clipped to the bounds, those with the highest scores make the next Gaussian, and so on.

    The bounds may be of any shape that broadcasts to d. Scores that are not finite numbers count as the lowest.
    smoothing: the share of the old mean and deviation that stays; it keeps the deviation from vanishing too early.
    """
    low, high = (jnp.broadcast_to(bound, (1, *start.mean.shape)) for bound in (low, high))

    def improve(i: Array, search: Gaussian) -> Gaussian:
        noise = jax.random.normal(jax.random.fold_in(key, i), (population, *search.mean.shape), search.mean.dtype)
        samples = jnp.clip(search.mean[None] + search.std[None] * noise, low, high)
        scores = jax.vmap(score)(samples)
        best = refit(samples, jnp.where(jnp.isfinite(scores), scores, -jnp.inf), elites)
        return jax.tree.map(lambda old, new: smoothing * old + (1 - smoothing) * new, search, best)

    return jax.lax.fori_loop(0, iterations, improve, start)
