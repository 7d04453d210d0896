"""Multilayer perceptron: affine maps and ReLUs, a softmax at the end, trained by back-propagation.

Notes    RL & DL notebook U3; CS182 §4.1; 6.S191 lecture 1
Paper    Rumelhart, Hinton & Williams 1986, Nature 323
Systems  found.mlp found.dnn
Idea     h_0 = x,  h_l = relu(W_l h_{l-1} + b_l),  p(y | x) = softmax(W_L h_{L-1} + b_L)           (1)
"""

from dataclasses import dataclass

import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Fit, Key, Predictor, from_loss
from jaxicon.nn import mlp as nn


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (128, 64)
    learning_rate: float = 1e-3


def parameter_count(inputs: int, *sizes: int) -> int:
    """Weights and biases of the layers: sum of (inputs + 1) * outputs."""
    return sum((r + 1) * s for r, s in zip((inputs, *sizes), sizes, strict=False))


def mlp(config: Config, classes: int) -> Predictor:
    """A classifier of x [b, d] into `classes`; batches are (x, y) with y [b] in 0 .. classes - 1."""
    net = nn.mlp(*config.hidden, classes)

    def init(key: Key, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        return net.init(key, batch[0])

    def loss(key: Key, params, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        x, y = batch
        logits = net.apply(params, x)  # (1)
        value = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return value, {"loss": value, "accuracy": (logits.argmax(-1) == y).mean(dtype=logits.dtype)}

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
        """Logits: log p(y | x) up to a constant."""
        return net.apply(state.params, x)

    return Predictor(*from_loss(init, loss, optax.adam(config.learning_rate)), predict)
