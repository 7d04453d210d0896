"""Search without gradients: a Gaussian over solutions that moves to where its samples score high.

The cross-entropy method refits it to the best of them, an evolution strategy follows the gradient of its mean score,
and CMA-ES, in a file of its own, learns its covariance. All maximise.

Notes    RL & DL notebook U2, evolutionary methods and model-based RL §4
Paper    Rubinstein 1999, Methodology and Computing in Applied Probability 1; De Boer et al. 2005, Annals of OR 134;
         Salimans et al. 2017, arXiv:1703.03864, Algorithm 1, for `evolution_strategy`
Systems  rl.cem
Idea     grad_m E f(m + s e) = E f(m + s e) e / s,  e ~ N(0, I),  in pairs e, -e and with ranks for scores          (1)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxicon.ops import cma_es


class Gaussian(NamedTuple):
    """Independent coordinates of any shape."""

    mean: Float[Array, "*d"]
    std: Float[Array, "*d"]


class Rule(NamedTuple):
    """How a search for vectors goes on; every `search` has a `mean` [d], the solution that it believes in.

    begin(mean, std) -> search;  ask(key, search, n) -> samples [n d];  tell(search, samples, scores [n]) -> search
    """

    begin: Callable
    ask: Callable
    tell: Callable


def or_lowest(scores: Float[Array, "n"]) -> Float[Array, "n"]:
    return jnp.where(jnp.isfinite(scores), scores, -jnp.inf)


def refit(samples: Float[Array, "n *d"], scores: Float[Array, "n"], elites: int) -> Gaussian:
    """The Gaussian of maximum likelihood of the `elites` samples with the highest scores."""
    best = samples[jax.lax.top_k(scores, elites)[1]]
    return Gaussian(best.mean(0), best.std(0))


def smoothed(old: Gaussian, new: Gaussian, share: float) -> Gaussian:
    """A share of the old mean and deviation, the rest of the new ones."""
    return jax.tree.map(lambda old, new: share * old + (1 - share) * new, old, new)


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
        return smoothed(search, refit(samples, or_lowest(scores), elites), smoothing)

    return jax.lax.fori_loop(0, iterations, improve, start)


def cross_entropy(elite: float = 0.125, smoothing: float = 0.0) -> Rule:
    """The cross-entropy method, step by step: the best of the samples, a share of them, make the next Gaussian."""

    def tell(search: Gaussian, samples: Array, scores: Array) -> Gaussian:
        count = max(2, round(elite * len(samples)))
        return smoothed(search, refit(samples, or_lowest(scores), count), smoothing)

    def begin(mean: Array, std: float) -> Gaussian:
        return Gaussian(mean, jnp.full_like(mean, std))

    return Rule(begin, drawn, tell)


def drawn(key: Array, search: Gaussian, n: int) -> Float[Array, "n d"]:
    """Independent samples."""
    return search.mean[None] + search.std[None] * jax.random.normal(key, (n, search.mean.size), search.mean.dtype)


class Ascent(NamedTuple):
    """A round Gaussian whose mean is moved by an optimiser."""

    mean: Float[Array, "d"]
    std: Float[Array, ""]  # stays as it is
    opt_state: optax.OptState


def centred_ranks(scores: Float[Array, "n"]) -> Float[Array, "n"]:
    """From -1/2 for the lowest score to 1/2 for the highest, evenly spaced; ties in the order of the samples."""
    return jnp.argsort(jnp.argsort(scores)).astype(scores.dtype) / (scores.size - 1) - 0.5


def smoothed_gradient(
    mean: Float[Array, "d"], std: Float[Array, ""], samples: Float[Array, "n d"], scores: Float[Array, "n"]
) -> Float[Array, "d"]:
    """(1): the gradient at the mean of the mean score under N(mean, std^2 I), estimated from samples of it."""
    return scores @ (samples - mean[None]) / (std**2 * scores.size)


def evolution_strategy(learning_rate: float = 0.1, shape: Callable = centred_ranks) -> Rule:
    """Adam along (1), from n / 2 pairs of mirrored samples; shape(scores) is what takes the place of the scores."""
    optimizer = optax.adam(learning_rate)

    def begin(mean: Array, std: float) -> Ascent:
        return Ascent(mean, jnp.asarray(std, mean.dtype), optimizer.init(mean))

    def ask(key: Array, search: Ascent, n: int) -> Array:
        noise = search.std * jax.random.normal(key, (n // 2, search.mean.size), search.mean.dtype)
        return search.mean[None] + jnp.concatenate([noise, -noise])

    def tell(search: Ascent, samples: Array, scores: Array) -> Ascent:
        gradient = smoothed_gradient(search.mean, search.std, samples, shape(or_lowest(scores)))
        updates, opt_state = optimizer.update(-gradient, search.opt_state)
        return search._replace(mean=search.mean + updates, opt_state=opt_state)

    return Rule(begin, ask, tell)


def covariance_adaptation() -> Rule:
    """CMA-ES with the constants that its tutorial recommends for the dimension and the number of samples."""

    def tell(search: cma_es.Search, samples: Array, scores: Array) -> cma_es.Search:
        count, dimension = samples.shape
        return cma_es.tell(search, samples, scores, cma_es.constants(dimension, count))

    return Rule(cma_es.begin, cma_es.ask, tell)
