"""Monte-Carlo dropout: what a network does not know is how much its thinned networks disagree.

Notes    RL & DL notebook U2, model-based RL 3c; 6.S191 lecture 6
Paper    Gal & Ghahramani 2016, arXiv:1506.02142
Systems  found.mc_dropout
Idea     q(W): W = M diag(m) / keep with m_i ~ Bernoulli(keep) approximates p(W | D) for the prior N(0, 1 / length^2)
         minimise  1/N sum_n |y_n - f(x_n; W_n)|^2 / 2 + sum_l length^2 (|M_l|^2 / keep_l + |b_l|^2) / (2 tau N)  (1)
         E y = 1/T sum_t f(x; W_t),  Var y = 1/tau + 1/T sum_t f(x; W_t)^2 - (E y)^2,  W_t ~ q        (2)
         log p(y | x) = log 1/T sum_t N(y; f(x; W_t), 1/tau)                                          (3)
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.foundations.dropout import draw, thinned
from jaxicon.nn import mlp as nn
from jaxicon.ops.distributions import gaussian_log_prob, mixture


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (128, 128)
    keep: float = 0.9  # probability that a hidden unit stays; 1 - p where p is a rate of dropping
    input_keep: float = 1.0  # inputs of few dimensions cannot be spared
    precision: float = 100.0  # tau, of the noise in y
    length_scale: float = 0.1  # of the functions in the prior
    learning_rate: float = 1e-3
    passes: int = 100  # T, in evaluation


def keeps(config: Config) -> tuple:
    """Probability to stay for the inputs of every layer."""
    return config.input_keep, *[config.keep] * len(config.hidden)


def penalty(params: dict, keeps: tuple, length_scale: float) -> Float[Array, ""]:
    """KL(q || prior) up to a constant: a unit that stays, as it does with probability keep, has weights M / keep.

    The paper's factor keep belongs to the vanilla form, W = M diag(m); here it becomes keep / keep^2.
    """
    layers = [params["params"][f"Dense_{i}"] for i in range(len(keeps))]
    square = lambda layer, keep: (layer["kernel"] ** 2).sum() / keep + (layer["bias"] ** 2).sum()
    return length_scale**2 / 2 * sum(square(*pair) for pair in zip(layers, keeps, strict=True))


def passes(key: Key, params: dict, keeps: tuple, x: Float[Array, "b d"], count: int) -> Float[Array, "t b k"]:
    """f(x; W_t) of `count` thinned networks, each with the same mask for all x: every pass is one function."""

    def one(key):
        kept = draw(key, params, keeps)
        return jax.vmap(lambda x: thinned(params, x, kept, keeps))(x)

    return jax.vmap(one)(jax.random.split(key, count))


def moments(outputs: Float[Array, "t b k"], precision: float) -> tuple[Float[Array, "b k"], Float[Array, "b k"]]:
    """(2): mean and variance of y, the noise included."""
    return outputs.mean(0), outputs.var(0) + 1 / precision


def log_likelihood(outputs: Float[Array, "t b k"], y: Float[Array, "b k"], precision: float) -> Float[Array, "b"]:
    """(3), in nats."""
    log_std = jnp.full_like(y, -0.5 * jnp.log(precision))
    each = jax.vmap(lambda mean: gaussian_log_prob(mean, log_std, y))(outputs)
    return mixture(each)


def mc_dropout(config: Config, outputs: int, examples: int) -> Predictor:
    """A regression of y [b, outputs] on x [b, d]; `examples` is N, the size of the whole training set.

    Prediction is by the whole network, without masks; `passes` and `moments` say how far to trust it. Raises
    ConfigError for numbers that are not positive and for a probability to stay above 1.
    """
    numbers = dict(precision=config.precision, length_scale=config.length_scale, examples=examples)
    positive("mc_dropout", learning_rate=config.learning_rate, passes=config.passes, **numbers)
    positive("mc_dropout", keep=config.keep, input_keep=config.input_keep)
    within("mc_dropout", 0, 1, keep=config.keep, input_keep=config.input_keep)
    net, stay = nn.mlp(*config.hidden, outputs), keeps(config)

    def init(key: Key, batch):
        ranked("mc_dropout", 2, x=batch[0], y=batch[1])
        return net.init(key, batch[0]), ()

    def loss(key: Key, params, extra, batch):
        x, y = batch
        one = lambda key, x: thinned(params, x, draw(key, params, stay), stay)
        error = ((jax.vmap(one)(jax.random.split(key, x.shape[0]), x) - y) ** 2).sum(-1).mean()
        decay = penalty(params, stay, config.length_scale) / (config.precision * examples)
        return error / 2 + decay, (extra, {"squared_error": error, "decay": decay})  # (1)

    def measure(key: Key, params, extra, batch):
        x, y = batch
        outputs = passes(key, params, stay, x, config.passes)
        error = ((outputs.mean(0) - y) ** 2).sum(-1).mean()
        return {"squared_error": error, "log_likelihood": log_likelihood(outputs, y, config.precision).mean()}

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b k"]:
        return net.apply(state.params, x)

    return Predictor(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), predict)
