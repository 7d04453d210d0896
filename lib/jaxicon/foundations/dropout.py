"""Dropout: in training each unit stays with probability `keep`, so that no unit can rely on another.

Notes    CS182 §4.6.4; RL & DL notebook U3, Dropout and CNN §6; 6.S191 lecture 1
Paper    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, JMLR 15
Systems  reg.dropout reg.dropout_ensemble
Idea     vanilla: m * h in training, keep * h at test, with m_i ~ Bernoulli(keep)                  (1)
         inverted: m * h / keep in training, h at test                                             (2)
         a mask m is one of 2^n thinned networks; for softmax(W (m * h) + b) their normalised geometric mean,
         prod_m p(y | h, m)^p(m) / Z, is softmax(W (keep * h) + b), the network of (1) at test     (3)
Erratum  CS182 §4.6.4 multiplies the weights by 1/p at test, p being the probability to stay: it must be p.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.nn import mlp as nn

Mask = Bool[Array | np.ndarray, "*b n"]  # true: the unit stays


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (1024, 1024)
    keep: float = 0.5  # probability that a hidden unit stays; flax, torch and the RL & DL notebook give 1 - keep
    input_keep: float = 0.8
    learning_rate: float = 1e-3


def vanilla(h: Float[Array, "*b n"], mask: Mask) -> Float[Array, "*b n"]:
    """(1) in training."""
    return jnp.where(mask, h, 0)


def weight_scaled(h: Float[Array, "*b n"], keep: float) -> Float[Array, "*b n"]:
    """(1) at test; the same as the next layer's weights times keep."""
    return keep * h


def inverted(h: Float[Array, "*b n"], mask: Mask, keep: float) -> Float[Array, "*b n"]:
    """(2) in training; at test nothing is done."""
    return jnp.where(mask, h / keep, 0)


def masks(n: int) -> Bool[np.ndarray, "m n"]:
    """All m = 2^n thinned networks of n units. Raises ConfigError above 20 units, where there are a million masks."""
    if not 0 < n <= 20:
        raise ConfigError(f"masks: n is {n}; expected 1 .. 20 units, of which all 2^n masks are made")
    return (np.arange(2**n)[:, None] >> np.arange(n)[None] & 1).astype(bool)


def probability(mask: Mask, keep: float) -> Float[Array, "*b"]:
    """p(m) of independent units."""
    return jnp.where(mask, keep, 1 - keep).prod(-1)


def geometric_mean(log_p: Float[Array, "m c"], weight: Float[Array, "m"]) -> Float[Array, "c"]:
    """(3): log of the normalised geometric mean of m distributions, with weights that sum to 1."""
    return jax.nn.log_softmax(weight @ log_p)


def draw(key: Key, params: dict, keeps: tuple) -> tuple[Bool[Array, "_"], ...]:
    """A mask for the inputs of every layer of nn.mlp."""
    sizes = [params["params"][f"Dense_{i}"]["kernel"].shape[0] for i in range(len(keeps))]
    keys = jax.random.split(key, len(keeps))
    return tuple(jax.random.bernoulli(k, keep, (n,)) for k, keep, n in zip(keys, keeps, sizes, strict=True))


def thinned(params: dict, x: Float[Array, "d"], kept: tuple, keeps: tuple) -> Float[Array, "k"]:
    """The perceptron of nn.mlp in training, by (2): `kept` holds the mask of every layer's inputs, x first."""
    h = x
    for i, (mask, keep) in enumerate(zip(kept, keeps, strict=True)):
        layer = params["params"][f"Dense_{i}"]
        h = inverted(jax.nn.relu(h) if i else x, mask, keep) @ layer["kernel"] + layer["bias"]
    return h


def dropout(config: Config, classes: int) -> Predictor:
    """A classifier of x [b, d] into `classes`, ReLU between its layers; batches are (x, y) with y [b].

    A step draws a mask for every example, evaluation and prediction none. Raises ConfigError for a probability to stay
    outside (0, 1].
    """
    keeps = config.input_keep, *[config.keep] * len(config.hidden)
    positive("dropout", learning_rate=config.learning_rate, keep=config.keep, input_keep=config.input_keep)
    within("dropout", 0, 1, keep=config.keep, input_keep=config.input_keep)
    net = nn.mlp(*config.hidden, classes)

    def init(key: Key, batch):
        ranked("dropout", 2, x=batch[0])
        return net.init(key, batch[0]), ()

    def score(logits, y):
        value = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return {"loss": value, "accuracy": (logits.argmax(-1) == y).mean(dtype=logits.dtype)}

    def loss(key: Key, params, extra, batch):
        x, y = batch
        one = lambda key, x: thinned(params, x, draw(key, params, keeps), keeps)
        metrics = score(jax.vmap(one)(jax.random.split(key, x.shape[0]), x), y)
        return metrics["loss"], (extra, metrics)

    def measure(key: Key, params, extra, batch):
        return score(net.apply(params, batch[0]), batch[1])

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
        """Logits of the whole network."""
        return net.apply(state.params, x)

    return Predictor(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), predict)
