"""Initial weights decide whether a deep network can learn: one network for each way to begin, side by side.

Notes    CS182 §4.4
Paper    Glorot & Bengio 2010; He, Zhang, Ren & Sun 2015, arXiv:1502.01852; Saxe et al. 2014, arXiv:1312.6120
Systems  init.normal_small init.xavier init.he init.bias_const init.orthogonal
Idea     h_l = f(h_{l-1} W_l + b_l),  W_l [d, d'] drawn from N(0, v):  E z^2 = d v E h^2 for every unit z        (1)
         normal_small  v = 0.0001: the signal shrinks by a factor at every layer
         xavier        v = 1 / d keeps E z^2 where f is the identity; glorot: v = 2 / (d + d'), also for gradients
         he            v = 2 / d keeps it where f is a ReLU, which loses half of it
         orthogonal    W^T W = 1 or W W^T = 1: every singular value is 1, no direction shrinks           (2)
         bias          0.1 instead of 0, so that more than half of the ReLUs are on
Erratum  CS182 §4.4.2.1 halves the variance at a ReLU; that of max(0, z) is 0.34 of z's, what is halved is the second
         moment, and that is what (1) needs. §4.4.2 writes N(0, 1 / sqrt(d)) for a variance of 1 / d.

The notes call `xavier` what is also LeCun's; Glorot & Bengio's own is `glorot`. In a network of equal widths they are
one. The normal distribution of xavier, glorot and he is cut off at two deviations, with the variance as above.
An orthogonal matrix comes from the QR factorisation of a Gaussian one, which has the distribution that its singular
vectors have (the notes take these), up to signs that it makes fair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.nn.initializers import constant, glorot_normal, he_normal, lecun_normal, normal, zeros
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked
from jaxicon.core.method import Key, Learner, from_loss
from jaxicon.nn.network import default_float
from jaxicon.ops.activations import relu
from jaxicon.ops.linalg import orthogonal

Initialiser = Callable[..., Array]  # (key, shape, dtype) -> array; a shape of weights is (inputs, outputs)

normal_small = normal(0.01)
xavier, glorot, he = lecun_normal(), glorot_normal(), he_normal()
isometry = orthogonal()
relu_isometry = orthogonal(2**0.5)  # as `he` is to `xavier`
small_bias = constant(0.1)


@dataclass(frozen=True)
class Config:
    depth: int = 20
    learning_rate: float = 1e-2


class Start(NamedTuple):
    """How the weights and biases of a network begin."""

    weights: Initialiser
    bias: Initialiser = zeros


class Layers(NamedTuple):
    """Hidden layers, each as wide as the data."""

    weights: Float[Array, "l d d"]
    bias: Float[Array, "l d"]


class Net(NamedTuple):
    hidden: Layers
    head: Float[Array, "d c"]


def layers(key: Key, start: Start, depth: int, width: int) -> Layers:
    """`depth` hidden layers as they are before the first step."""
    weights_key, bias_key = jax.random.split(key)
    draw = lambda key: start.weights(key, (width, width), default_float())
    weights = jax.vmap(draw)(jax.random.split(weights_key, depth))
    return Layers(weights, start.bias(bias_key, (depth, width), default_float()))


def activations(
    hidden: Layers, x: Float[Array, "b d"], activation: Callable[[Array], Array] = relu
) -> Float[Array, "l b d"]:
    """What every hidden layer makes of the data."""

    def layer(h, parameters):
        weights, bias = parameters
        h = activation(h @ weights + bias[None])  # (1)
        return h, h

    return jax.lax.scan(layer, x, hidden)[1]


def jacobian(hidden: Layers, x: Float[Array, "d"], activation: Callable[[Array], Array] = relu) -> Float[Array, "d d"]:
    """d h_l / d x of the last hidden layer: its singular values say what becomes of a gradient on the way back."""
    return jax.jacfwd(lambda x: activations(hidden, x[None], activation)[-1, 0])(x)


def initialisation(config: Config, classes: int, starts: dict[str, Start]) -> Learner:
    """Classifiers of x [b, d] into `classes`, one for each start, on the same batches (x, y).

    They share nothing: each descends its own loss, by plain gradient descent, which scales no gradient by itself.
    Metrics are loss_NAME and accuracy_NAME. Raises ConfigError for a number that is not positive, DataError for an x
    that is no matrix or empty.
    """
    positive("initialisation", depth=config.depth, learning_rate=config.learning_rate, classes=classes)

    def init(key: Key, batch: tuple[Array, Array]) -> Net:
        ranked("initialisation", 2, x=batch[0])
        ranked("initialisation", 1, y=batch[1])
        width = batch[0].shape[1]

        def net(key: Key, start: Start) -> Net:
            hidden_key, head_key = jax.random.split(key)
            head = start.weights(head_key, (width, classes), default_float())
            return Net(layers(hidden_key, start, config.depth, width), head)

        keys = jax.random.split(key, len(starts))
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(net, keys, starts.values()))

    def loss(key: Key, nets: Net, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        x, y = batch
        logits = jax.vmap(lambda net: activations(net.hidden, x)[-1] @ net.head)(nets)
        values = jax.vmap(optax.softmax_cross_entropy_with_integer_labels, (0, None))(logits, y).mean(1)
        right = (logits.argmax(-1) == y[None]).mean(1, dtype=logits.dtype)
        metrics = {f"loss_{name}": value for name, value in zip(starts, values, strict=True)}
        return values.sum(), metrics | {f"accuracy_{name}": share for name, share in zip(starts, right, strict=True)}

    return Learner(*from_loss(init, loss, optax.sgd(config.learning_rate)))
