"""CMA-ES: a Gaussian that learns the shape of the valley, and from the path of its mean how wide to look.

Notes    RL & DL notebook U2, evolution strategies and model-based RL §4
Paper    Hansen 2016, arXiv:1604.00772v2, equations 38 to 58; Hansen & Ostermeier 2001, Evolutionary Computation 9
Systems  rl.cma_es
Idea     x_i = m + sigma y_i,  y_i ~ N(0, C);   m <- m + sigma sum w_i y_i,  the best first                      (1)
         p_s <- (1 - c_s) p_s + sqrt(c_s (2 - c_s) mu) C^-1/2 y_w,  sigma grows where |p_s| is above chance       (2)
         C <- (1 - c_1 - c_mu sum w) C + c_1 p_c p_c^T + c_mu sum w_i y_i y_i^T,  the worst with w_i < 0          (3)
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.ops.linalg import eigh


class Constants(NamedTuple):
    """What the dimension and the size of the population say of the rates; numbers on the host."""

    weights: Float[np.ndarray, "n"]  # from the best sample to the worst; the positive ones sum to 1
    mu: float  # variance-effective number of the samples that make the mean
    path_rate: float  # c_c
    step_rate: float  # c_s
    damping: float  # d_s
    rank_one: float  # c_1
    rank_mu: float  # c_mu
    length: float  # expected length of a standard normal vector


class Search(NamedTuple):
    """The Gaussian N(mean, sigma^2 C) and the two paths of its mean."""

    mean: Float[Array, "d"]
    sigma: Float[Array, ""]
    covariance: Float[Array, "d d"]
    axes: Float[Array, "d d"]  # C = axes diag(scales^2) axes^T
    scales: Float[Array, "d"]
    path: Float[Array, "d"]  # p_c
    step_path: Float[Array, "d"]  # p_s
    generation: Int[Array, ""]


def effective(weights: Float[np.ndarray, "n"]) -> float:
    return weights.sum() ** 2 / (weights**2).sum()


def constants(dimension: int, population: int) -> Constants:
    """Table 1 of the tutorial, negative weights included."""
    n = dimension
    raw = math.log((population + 1) / 2) - np.log(np.arange(1, population + 1))  # (49)
    good, bad = np.maximum(raw, 0), np.maximum(-raw, 0)
    mu = effective(good)
    rank_one = 2 / ((n + 1.3) ** 2 + mu)  # (57)
    rank_mu = min(1 - rank_one, 2 * (0.25 + mu + 1 / mu - 2) / ((n + 2) ** 2 + mu))  # (58)
    least = min(
        1 + rank_one / rank_mu, 1 + 2 * effective(bad) / (mu + 2), (1 - rank_one - rank_mu) / (n * rank_mu)
    )  # (50) to (52)
    step_rate = (mu + 2) / (n + mu + 5)  # (55)
    return Constants(
        weights=good / good.sum() - least * bad / bad.sum(),  # (53)
        mu=mu,
        path_rate=(4 + mu / n) / (n + 4 + 2 * mu / n),  # (56)
        step_rate=step_rate,
        damping=1 + 2 * max(0, math.sqrt((mu - 1) / (n + 1)) - 1) + step_rate,
        rank_one=rank_one,
        rank_mu=rank_mu,
        length=math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2)),
    )


def begin(mean: Float[Array, "d"], sigma: float | Float[Array, ""]) -> Search:
    """A round Gaussian, before the first generation."""
    ones = jnp.ones_like(mean)
    return Search(
        mean, jnp.asarray(sigma, mean.dtype), jnp.diag(ones), jnp.diag(ones), ones, 0 * ones, 0 * ones, jnp.int32(0)
    )


def ask(key: Array, search: Search, population: int) -> Float[Array, "n d"]:
    """(1): samples to be rated."""
    noise = jax.random.normal(key, (population, search.mean.size), search.mean.dtype)
    return search.mean[None] + search.sigma * (noise * search.scales[None]) @ search.axes.T


def tell(search: Search, samples: Float[Array, "n d"], scores: Float[Array, "n"], constants: Constants) -> Search:
    """The Gaussian after the samples have been rated, high scores being good; no number counts as the lowest score.

    The root of C in (2) and the lengths of the bad samples in (3) are those of the Gaussian that was asked.
    """
    c, n = constants, search.mean.size
    order = jnp.argsort(-jnp.where(jnp.isfinite(scores), scores, -jnp.inf))
    steps = (samples[order] - search.mean[None]) / search.sigma  # y_i
    weights = jnp.asarray(c.weights, steps.dtype)
    shift = jnp.maximum(weights, 0) @ steps
    white = search.axes @ (shift @ search.axes / search.scales)  # C^-1/2 y_w
    step_path = (1 - c.step_rate) * search.step_path + math.sqrt(c.step_rate * (2 - c.step_rate) * c.mu) * white
    long = jnp.linalg.norm(step_path)
    generation = search.generation + 1
    settled = long / jnp.sqrt(1 - (1 - c.step_rate) ** (2.0 * generation)) < (1.4 + 2 / (n + 1)) * c.length
    path = (1 - c.path_rate) * search.path + settled * math.sqrt(c.path_rate * (2 - c.path_rate) * c.mu) * shift
    squares = (((steps @ search.axes) / search.scales[None]) ** 2).sum(-1)
    weights = jnp.where(weights < 0, weights * n / (squares + 1e-8), weights)  # (46)
    lost = (1 - settled) * c.path_rate * (2 - c.path_rate)
    kept = 1 + c.rank_one * (lost - 1) - c.rank_mu * c.weights.sum()
    covariance = (
        kept * search.covariance + c.rank_one * jnp.outer(path, path) + c.rank_mu * steps.T @ (weights[:, None] * steps)
    )
    squared, axes = eigh(covariance)
    scales = jnp.sqrt(jnp.maximum(squared, jnp.finfo(squared.dtype).eps * squared[-1]))
    sigma = search.sigma * jnp.exp(jnp.minimum(1.0, c.step_rate / c.damping * (long / c.length - 1)))  # (44)
    return Search(search.mean + search.sigma * shift, sigma, covariance, axes, scales, path, step_path, generation)
