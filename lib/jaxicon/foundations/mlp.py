"""Multilayer perceptron: affine maps and ReLUs, trained by back-propagation; what the last layer means is up to a head.

Notes    RL & DL notebook U3, FCNN and Keras workflow; CS182 §4.1; 6.S191 lecture 1 and lab 1
Paper    Rumelhart, Hinton & Williams 1986, Nature 323
Systems  found.mlp found.dnn found.fcn_multiclass found.fcn_binary found.fcn_regression found.fnn_house_price
         found.fit_workflow found.dense_sigmoid_lab found.identity_model
Idea     h_0 = x,  h_l = relu(W_l h_{l-1} + b_l),  o = W_L h_{L-1} + b_L                           (1)
         classes     p(y | x) = softmax(o)_y,    loss -log p(y | x)                                (2)
         two         p(1 | x) = sigmoid(o),      loss -log p(y | x)                                (3)
         regression  E[y | x] = o,               loss (y - o)^2                                    (4)

The notebook's compile is the factory; fit is core/run.py's train, with a hook that measures the validation set after
every epoch; evaluate is evaluate; predict returns o, of which the softmax or sigmoid is the probability.
"""

from collections.abc import Callable
from dataclasses import dataclass

import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked
from jaxicon.core.method import Fit, Key, Metrics, Predictor, from_loss
from jaxicon.nn import mlp as nn
from jaxicon.ops.activations import sigmoid
from jaxicon.ops.losses import (
    absolute_error,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    squared_error,
)

Scored = tuple[Float[Array, ""], Metrics]


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (128, 64)
    learning_rate: float = 1e-3


def parameter_count(inputs: int, *sizes: int) -> int:
    """Weights and biases of the layers: sum of (inputs + 1) * outputs."""
    return sum((r + 1) * s for r, s in zip((inputs, *sizes), sizes, strict=False))


def multiclass(logits: Float[Array, "b c"], y: Int[Array, "b"]) -> Scored:
    value = softmax_cross_entropy_with_integer_labels(logits, y).mean()  # (2)
    return value, {"loss": value, "accuracy": (logits.argmax(-1) == y).mean(dtype=logits.dtype)}


def binary(logits: Float[Array, "b 1"], y: Int[Array, "b"]) -> Scored:
    logit = logits[:, 0]
    value = sigmoid_binary_cross_entropy(logit, y).mean()  # (3)
    return value, {"loss": value, "accuracy": ((logit > 0) == (y > 0)).mean(dtype=logit.dtype)}


def regression(outputs: Float[Array, "b 1"], y: Float[Array, "b"]) -> Scored:
    prediction = outputs[:, 0]
    value = squared_error(prediction, y).mean()  # (4)
    return value, {"loss": value, "mean_absolute_error": absolute_error(prediction, y).mean()}


def with_head(config: Config, outputs: int, head: Callable[[Array, Array], Scored]) -> Predictor:
    """(1) with as many `outputs`, under a head (o, y) -> (loss, metrics); batches are (x [b, d], y [b])."""
    widths = {f"hidden[{i}]": width for i, width in enumerate(config.hidden)}
    positive("mlp", learning_rate=config.learning_rate, outputs=outputs, **widths)
    net = nn.mlp(*config.hidden, outputs)

    def init(key: Key, batch: tuple[Array, Array]):
        x, y = batch
        ranked("mlp", 2, x=x)
        ranked("mlp", 1, y=y)
        return net.init(key, x)

    def loss(key: Key, params, batch: tuple[Float[Array, "b d"], Array]) -> Scored:
        x, y = batch
        return head(net.apply(params, x), y)

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b o"]:
        """o: logits, of two classes one, or the expected y."""
        return net.apply(state.params, x)

    return Predictor(*from_loss(init, loss, optax.adam(config.learning_rate)), predict)


def mlp(config: Config, classes: int) -> Predictor:
    """A classifier of x [b, d] into `classes`; batches are (x, y) with y [b] in 0 .. classes - 1.

    Raises ConfigError for a size or a learning rate that is not positive, DataError for x that is no matrix or empty.
    """
    return with_head(config, classes, multiclass)


def mlp_binary(config: Config) -> Predictor:
    """A classifier of x [b, d] into 0 and 1, with one logit, that of 1; errors as for `mlp`."""
    return with_head(config, 1, binary)


def mlp_regression(config: Config) -> Predictor:
    """A predictor of real numbers y [b] from x [b, d]; metrics are in units of y; errors as for `mlp`."""
    return with_head(config, 1, regression)


def dense_sigmoid(params: dict, x: Float[Array, "b d"]) -> Float[Array, "b n"]:
    """The layer of 6.S191's first lab: sigmoid(x W + b), with W [d, n] and b [1, n]."""
    return sigmoid(x @ params["W"] + params["b"])


def identity_model(params: dict, x: Float[Array, "b d"], is_identity: bool = False) -> Float[Array, "b n"]:
    """The lab's model with a switch: that layer, or x as it came."""
    return x if is_identity else dense_sigmoid(params, x)
