"""Functions fitted to targets at chosen outputs: linear ones in closed form, networks by a few steps of descent."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Key
from jaxicon.nn.network import Network
from jaxicon.ops.linalg import solve
from jaxicon.ops.value_fitting import fitted


class Regression(NamedTuple):
    """init(key, obs [b, ...]) -> fit
    values(fit, obs [*b, ...]) -> [*b, outputs]
    refit(fit, obs [b, ...], choice [b, outputs], target [b]) -> fit    sum_o choice * values is to be near the target
    """

    init: Callable
    values: Callable
    refit: Callable


def least_squares(outputs: int, penalty: float = 1e-6) -> Regression:
    """values = features [*b, d] @ weights [d, outputs], the best ones at once; at first all are 0.

    penalty: of the sum of the squared weights, beside that of the squared errors; without it, features that the data
    lack make the equations singular.
    """
    within("least_squares", 0, float("inf"), penalty=penalty)

    def init(key: Key, obs: Float[Array, "b d"]) -> Float[Array, "d k"]:
        return jnp.zeros((obs.shape[-1], outputs))

    def refit(weights: Float[Array, "d k"], obs: Float[Array, "b d"], choice: Array, target: Array) -> Array:
        rows = (obs[:, :, None] * choice[:, None, :]).reshape(len(obs), -1)
        normal = rows.T @ rows + penalty * jnp.eye(rows.shape[1])
        return solve(normal, rows.T @ target).reshape(weights.shape)

    return Regression(init, lambda weights, obs: obs @ weights, refit)


def descent(net: Network, learning_rate: float, steps: int) -> Regression:
    """A network and so many steps of Adam on half the mean squared error of all rows, from where the last fit ended."""
    positive("descent", learning_rate=learning_rate, steps=steps)
    optimizer = optax.adam(learning_rate)

    def init(key: Key, obs: Array) -> tuple:
        params = net.init(key, obs)
        return params, optimizer.init(params)

    def refit(fit: tuple, obs: Array, choice: Float[Array, "b k"], target: Float[Array, "b"]) -> tuple:
        chosen = lambda params, obs: (net.apply(params, obs) * choice).sum(-1)
        return fitted(chosen, fit[0], obs, target, optimizer, fit[1], steps)

    return Regression(init, lambda fit, obs: net.apply(fit[0], obs), refit)
