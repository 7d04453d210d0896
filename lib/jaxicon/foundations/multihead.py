"""Multi-head ensemble: one convolutional trunk, several heads on its features, each with a loss of its own.

Notes    CS182 §4.6.2
Paper    Lee, Purushwalkam, Cogswell, Crandall & Batra 2015, arXiv:1511.06314; Osband, Blundell, Pritzel & Van Roy 2016,
         arXiv:1602.04621
Systems  ens.multihead
Idea     h = relu(trunk(x)),  p_j(y | x) = softmax(head_j(h)),  p(y | x) = 1/M sum_j p_j(y | x)         (1)
         minimise  1/M sum_j -log p_j(y | x)                                                      (2)
         A head's gradient is as if it were alone; the trunk's is the mean of the heads'.
"""

from dataclasses import dataclass

import jax
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked
from jaxicon.core.method import Fit, Key, Metrics, Predictor, from_stateful_loss
from jaxicon.foundations.ensemble import average, nll, scores
from jaxicon.nn.conv import cnn
from jaxicon.nn.mlp import mlp

Batch = tuple[Float[Array, "b h w c"], Int[Array, "b"]]


@dataclass(frozen=True)
class Config:
    heads: int = 5
    channels: tuple[int, ...] = (16, 32)  # of the trunk: a convolution and a pooling by 2 each
    features: int = 64  # that the heads share
    hidden: tuple[int, ...] = (16,)  # of a head; linear heads are soon all the same: their losses are convex
    learning_rate: float = 1e-3


def multihead(config: Config, classes: int) -> Predictor:
    """A classifier of images x [b, h, w, c]; batches are (x, y) with y [b] in 0 .. classes - 1; predict: log of (1).

    Parameters: `trunk`, and `heads` with a leading axis. Heads differ by their initial values alone, drawn
    independently. Metrics: (2) as `loss` in training, and the `scores` of an ensemble.
    """
    positive("multihead", heads=config.heads, features=config.features, learning_rate=config.learning_rate)
    trunk, head = cnn(config.channels, config.features), mlp(*config.hidden, classes)

    def init(key: Key, batch):
        ranked("multihead", 4, x=batch[0])
        trunk_key, heads_key = jax.random.split(key)
        params = trunk.init(trunk_key, batch[0])
        h = trunk.apply(params, batch[0])
        heads = jax.vmap(head.init, (0, None))(jax.random.split(heads_key, config.heads), h)
        return {"trunk": params, "heads": heads}, ()

    def logits(params, x: Float[Array, "b h w c"]) -> Float[Array, "m b k"]:
        h = jax.nn.relu(trunk.apply(params["trunk"], x))
        return jax.vmap(head.apply, (0, None))(params["heads"], h)

    def loss(key: Key, params, extra, batch: Batch):
        value = nll(jax.nn.log_softmax(logits(params, batch[0])), batch[1][None]).mean()  # (2)
        return value, (extra, {"loss": value})

    def measure(key: Key, params, extra, batch: Batch) -> Metrics:
        return scores(logits(params, batch[0]), batch[1])

    def predict(state: Fit, x: Float[Array, "b h w c"]) -> Float[Array, "b k"]:
        return average(logits(state.params, x))  # (1)

    return Predictor(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), predict)
