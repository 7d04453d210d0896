"""Perceptron: one neuron with a step, taught by its mistakes.

Notes    RL & DL notebook U3; 6.S191 lecture 1
Paper    Rosenblatt 1958, Psychological Review 65; Novikoff 1962, Symposium on the Mathematical Theory of Automata
Systems  found.perceptron_forward found.perceptron_rule
Idea     y^ = activation(sum_i w_i x_i + b)                                                         (1)
         w <- w + alpha (y - y^) x,  b <- b + alpha (y - y^)                                        (2)
         mistakes <= (R / margin)^2                                                                 (3)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked
from jaxicon.core.method import Key, Predictor
from jaxicon.nn.network import default_float


@dataclass(frozen=True)
class Config:
    learning_rate: float = 1.0  # scales weights and bias and nothing else: both start at zero


class State(NamedTuple):
    weights: Float[Array, "d"]
    bias: Float[Array, ""]
    mistakes: Int[Array, ""]  # since the start


def heaviside(z: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """1 above 0, else 0."""
    return (z > 0).astype(z.dtype)


def neuron(
    weights: Float[Array, "d *k"], bias: Float[Array, "*k"], x: Float[Array, "d"], activation: Callable = heaviside
) -> Float[Array, "*k"]:
    """The output of one neuron, or of a layer of k: weighted sum, bias, activation."""
    return activation(x @ weights + bias)  # (1)


def corrected(state: State, x: Float[Array, "d"], y: Int[Array, ""], learning_rate: float) -> State:
    """The state after one example of class y, 0 or 1.

    On the boundary, w.x + b = 0, either class counts as a mistake, as in Novikoff's proof and in scikit-learn.
    """
    side = (2 * y - 1).astype(state.bias.dtype)
    missed = side * neuron(state.weights, state.bias, x, lambda z: z) <= 0
    error = jnp.where(missed, side, 0)  # y - y^
    moved = learning_rate * error
    return State(state.weights + moved * x, state.bias + moved, state.mistakes + missed)  # (2)


def mistake_bound(
    x: Float[Array, "n d"], y: Int[Array, "n"], weights: Float[Array, "d"], bias: Float[Array, ""]
) -> Float[Array, ""]:
    """How many mistakes at most, in whatever order and however often the examples come, from any line between them.

    The bias is the weight of an input that is always 1: R^2 = max |x|^2 + 1, margin = min +-(w.x + b) / |(w, b)|.
    Infinite where the line does not separate the classes.
    """
    distance = (2 * y - 1) * (x @ weights + bias) / jnp.sqrt((weights**2).sum() + bias**2)
    margin = distance.min()
    return jnp.where(margin > 0, ((x**2).sum(1).max() + 1) / margin**2, jnp.inf)  # (3)


def perceptron(config: Config) -> Predictor:
    """A classifier of x [b, d] into 0 and 1; batches are (x, y), their examples are visited one by one, in order.

    `predict` gives the class. Raises ConfigError for a learning rate that is not above 0.
    """
    positive("perceptron", learning_rate=config.learning_rate)

    def init(key: Key, batch) -> State:
        ranked("perceptron", 2, x=batch[0])
        ranked("perceptron", 1, y=batch[1])
        zeros = jnp.zeros(batch[0].shape[1], default_float())
        return State(zeros, zeros.sum(), jnp.int32(0))

    def step(key: Key, state: State, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        visit = lambda state, example: (corrected(state, *example, config.learning_rate), None)
        after, _ = jax.lax.scan(visit, state, batch)
        return after, {"mistakes": (after.mistakes - state.mistakes).astype(state.bias.dtype)}

    def evaluate(key: Key, state: State, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        right = predict(state, batch[0]) == batch[1]
        return {"accuracy": right.mean(dtype=state.bias.dtype), "mistakes": state.mistakes.astype(state.bias.dtype)}

    def predict(state: State, x: Float[Array, "b d"]) -> Int[Array, "b"]:
        return jax.vmap(lambda x: neuron(state.weights, state.bias, x))(x).astype(jnp.int32)

    return Predictor(init, step, evaluate, predict)
