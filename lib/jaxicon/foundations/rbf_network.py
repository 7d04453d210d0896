"""Radial basis function network: Gaussian hidden units around centres, and a linear readout, found in two phases.

With centres at the data and no penalty it is interpolation, and unique. The centres, widths and readout are fitted in
closed form or by Lloyd's algorithm, so there is no training loop: `k_means` and `neighbour_widths`, then `rbf_network`.

Notes    RL & DL notebook U3
Paper    Moody & Darken 1989, Neural Computation 1, for both phases; Poggio & Girosi 1990 for interpolation
Systems  found.rbf_network
Idea     f(x) = sum_k w_k exp(-|x - c_k|^2 / (2 s_k^2))                                                  (1)
         learning phase: c by k-means, s_k the root mean square distance from c_k to its nearest centres  (2)
         interpolation phase: minimise over w  sum_i |y_i - f(x_i)|^2 + penalty |w|^2                     (3)
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.method import Key
from jaxicon.foundations.ridge import ridge


class Network(NamedTuple):
    centres: Float[Array, "k d"]
    widths: Float[Array, "k"]
    weights: Float[Array, "k o"]


def squared_distances(x: Float[Array, "n d"], centres: Float[Array, "k d"]) -> Float[Array, "n k"]:
    """|x_i - c_k|^2, from differences: the expanded square would lose the digits of close points."""
    return jax.vmap(lambda x: jnp.square(x[None] - centres).sum(1))(x)


def hidden(centres: Float[Array, "k d"], widths: Float[Array, "k"], x: Float[Array, "n d"]) -> Float[Array, "n k"]:
    """The Gaussian units of (1)."""
    return jnp.exp(-squared_distances(x, centres) / (2 * jnp.square(widths))[None])


def assign(x: Float[Array, "n d"], centres: Float[Array, "k d"]) -> Int[Array, "n"]:
    """The nearest centre of every point."""
    return squared_distances(x, centres).argmin(1)


def lloyd(x: Float[Array, "n d"], centres: Float[Array, "k d"], iterations: int = 100) -> Float[Array, "k d"]:
    """Every centre moves to the mean of the points nearest to it, again and again; one without points stays."""

    def move(_, centres):
        member = jax.nn.one_hot(assign(x, centres), centres.shape[0], dtype=x.dtype)
        count = member.sum(0)[:, None]
        return jnp.where(count > 0, member.T @ x / jnp.maximum(count, 1), centres)

    return jax.lax.fori_loop(0, iterations, move, centres)


def k_means(key: Key, x: Float[Array, "n d"], count: int, iterations: int = 100) -> Float[Array, "k d"]:
    """Centres by Lloyd's algorithm from `count` of the points; raises ConfigError where there are fewer points."""
    if not 1 <= count <= x.shape[0]:
        raise ConfigError(f"rbf_network: count is {count}; expected 1 .. {x.shape[0]}, the number of points")
    return lloyd(x, x[jax.random.permutation(key, x.shape[0])[:count]], iterations)


def neighbour_widths(centres: Float[Array, "k d"], neighbours: int = 2) -> Float[Array, "k"]:
    """(2), in the units of the centres; raises ConfigError where there are too few of them."""
    if not 1 <= neighbours < centres.shape[0]:
        raise ConfigError(
            f"rbf_network: {neighbours} neighbours; expected 1 .. {centres.shape[0] - 1}, the other centres"
        )
    apart = squared_distances(centres, centres) + jnp.diag(jnp.full(centres.shape[0], jnp.inf))
    return jnp.sqrt(jnp.sort(apart, 1)[:, :neighbours].mean(1))


def rbf_network(
    x: Float[Array, "n d"],
    y: Float[Array, "m o"],
    centres: Float[Array, "k c"],
    widths: Float[Array, "k"] | Float[Array, ""] | float,
    penalty: float = 0.0,
) -> Network:
    """The network with these centres and widths, one for each or one for all, and the readout of (3).

    scipy's RBFInterpolator(x, y, kernel="gaussian", epsilon=1 / (sqrt(2) width), degree=-1) is rbf_network(x, y, x,
    width). Its smoothing is not our penalty, for it weighs w by the kernel. Narrow units interpolate well conditioned;
    wide ones need a penalty, or float64. Raises DataError where x and y differ in length or centres in dimension, and
    ConfigError for a width that is not above 0 or a penalty below 0.
    """
    ranked("rbf_network", 2, x=x, y=y, centres=centres)
    if x.shape[0] != y.shape[0] or x.shape[1] != centres.shape[1]:
        raise DataError(f"rbf_network: x {x.shape}, y {y.shape}, centres {centres.shape}; expected [n d], [n o], [k d]")
    positive("rbf_network", widths=jnp.min(jnp.asarray(widths)))
    within("rbf_network", 0, math.inf, penalty=penalty)
    widths = jnp.broadcast_to(jnp.asarray(widths, x.dtype), centres.shape[:1])
    return Network(centres, widths, ridge(hidden(centres, widths, x), y, penalty))


def predict(network: Network, x: Float[Array, "n d"]) -> Float[Array, "n o"]:
    """f(x) of (1)."""
    return hidden(network.centres, network.widths, x) @ network.weights
