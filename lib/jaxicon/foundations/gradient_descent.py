"""Gradient descent: on all examples, on one, on a few.

Notes    CS182 §3.1 Alg 1, §3.4.1-3; RL & DL notebook U3; 6.S191 lecture 1, lab 1
Paper    Robbins & Monro 1951, Annals of Mathematical Statistics 22; saddles: Dauphin et al. 2014, arXiv:1406.2572
Systems  opt.batch_gd opt.sgd opt.minibatch opt.epoch_accounting opt.lr_experiment opt.saddle_plateau
         found.grad_quadratic_demo
Idea     theta <- theta - alpha grad L(theta; batch)                                                (1)
         on L = sum_i l_i theta_i^2 / 2:  theta_i after k steps = (1 - alpha l_i)^k theta_i         (2)
         E |g_B - g|^2 = sigma^2 / B with replacement, (n - B) / (n - 1) of that without            (3)
Erratum  CS182 §3.4.3 prints the minibatch gradient as a mean of -log p; it is the mean of the gradients of that.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Batch, Key, Learner
from jaxicon.ops.linalg import eigh

UPDATES = {  # (examples, batch size, epochs) -> updates, by what becomes of the last, partial batch of an epoch
    "drop": lambda n, b, epochs: epochs * (n // b),
    "short": lambda n, b, epochs: epochs * math.ceil(n / b),
    "straddle": lambda n, b, epochs: -(-epochs * n // b),  # it is filled with the first examples of the next epoch
}


@dataclass(frozen=True)
class Config:
    learning_rate: float = 1e-2


class State(NamedTuple):
    params: Any


def descended(params, gradient: Any, learning_rate: float) -> Any:
    """One step down a gradient of the same structure as params."""
    return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient)  # (1)


def updates(examples: int, batch_size: int, epochs: int = 1, partial_batch: str = "straddle") -> int:
    """Steps after which `epochs` epochs are over.

    A partial last batch is left out ("drop"), used as it is ("short"), or filled up from the next epoch ("straddle",
    which is what core/stream.py's `epochs` does). Raises ConfigError for another policy or a count below 1.
    """
    positive("updates", examples=examples, batch_size=batch_size, epochs=epochs)
    if partial_batch not in UPDATES:
        raise ConfigError(f"updates: no policy {partial_batch!r} for a partial batch{nearest(partial_batch, UPDATES)}")
    return UPDATES[partial_batch](examples, batch_size, epochs)


def gradients(value: Callable, params, batch: Batch) -> Any:
    """The gradient of value(params, batch) on each example alone: like params, with a leading axis of examples."""
    alone = lambda example: jax.tree.map(lambda x: x[None], example)
    return jax.vmap(lambda example: jax.grad(value)(params, alone(example)))(batch)


def minibatch_variance(each: Float[Array, "n d"], batch_size: int) -> Float[Array, ""]:
    """E |g_B - g|^2 of the mean gradient of `batch_size` examples drawn with replacement, from the n gradients."""
    return ((each - each.mean(0, keepdims=True)) ** 2).sum(1).mean() / batch_size  # (3)


def finite_population(examples: int, batch_size: int) -> float:
    """What (3) is multiplied by when a batch is drawn without replacement: 0 for the batch of all examples."""
    return (examples - batch_size) / (examples - 1) if examples > 1 else 0.0


def on_quadratic(
    start: Float[Array, "d"], eigenvalues: Float[Array, "d"], learning_rate: float, steps: int | Int[Array, ""]
) -> Float[Array, "d"]:
    """Where descent is after `steps` on sum_i l_i theta_i^2 / 2, in the coordinates of the eigenvectors."""
    return (1 - learning_rate * eigenvalues) ** steps * start  # (2)


def regime(learning_rate: float, curvature: float) -> str:
    """What (2) does along the largest eigenvalue L: "steady" up to 1/L, "oscillating" below 2/L, else "diverging".

    At 1/L the minimum is reached in one step; at 2/L descent goes to and fro for ever, which is no convergence either.
    """
    positive("regime", learning_rate=learning_rate, curvature=curvature)
    product = learning_rate * curvature
    return "steady" if product <= 1 else "oscillating" if product < 2 else "diverging"


def saddle(params: Float[Array, "2"]) -> Float[Array, ""]:
    """x^2 - y^2: no gradient at the origin, which is a minimum in x and a maximum in y."""
    return params[0] ** 2 - params[1] ** 2


def escape_steps(offset: float, distance: float, learning_rate: float) -> float:
    """Steps until |y| >= distance on `saddle`, where y grows by 1 + 2 alpha a step from `offset`; infinite from 0."""
    positive("escape_steps", distance=distance, learning_rate=learning_rate)
    if offset == 0:
        return math.inf
    return float(max(math.ceil(math.log(distance / abs(offset)) / math.log1p(2 * learning_rate)), 0))


def convex_share(key: Key, dimension: int, count: int) -> Float[Array, ""]:
    """The share of `count` random symmetric matrices (the Gaussian orthogonal ensemble) with no eigenvalue below 0.

    A critical point with such a Hessian is a minimum, any other is a saddle or a maximum.
    """
    a = jax.random.normal(key, (count, dimension, dimension))
    lowest = jax.vmap(lambda a: eigh((a + a.T) / math.sqrt(2))[0][0])(a)
    return (lowest > 0).mean(dtype=lowest.dtype)


def gradient_descent(config: Config, value: Callable, start: Callable) -> Learner:
    """Descent of value(params, batch) -> scalar, a mean over the batch, from start(key, batch) -> params.

    Batch, stochastic and minibatch descent are this one method on three streams: of batches with all examples, with one
    random example, and with a few. Raises ConfigError for a learning rate that is not above 0.
    """
    positive("gradient_descent", learning_rate=config.learning_rate)

    def init(key: Key, batch: Batch) -> State:
        return State(start(key, batch))

    def step(key: Key, state: State, batch: Batch):
        loss, gradient = jax.value_and_grad(value)(state.params, batch)
        norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradient)))
        return State(descended(state.params, gradient, config.learning_rate)), {"loss": loss, "gradient_norm": norm}

    def evaluate(key: Key, state: State, batch: Batch):
        return {"loss": value(state.params, batch)}

    return Learner(init, step, evaluate)
