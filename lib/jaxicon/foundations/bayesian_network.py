"""Bayesian neural network by mean-field variational inference: a Gaussian over every weight (Bayes by backprop).

Notes    6.S191 lecture 6; RL & DL notebook U2, model-based RL 3b
Paper    Blundell, Cornebise, Kavukcuoglu & Wierstra 2015, arXiv:1505.05424
Systems  found.bayesian_nn
Idea     p(w | D) ~ p(D | w) p(w) with p(w) = N(0, prior_std^2), p(y | x, w) = N(f(x, w), noise_std^2)        (1)
         maximise  ELBO = E_q log p(D | w) - KL(q(w) || p(w)) = log p(D) - KL(q(w) || p(w | D))              (2)
         over q(w) = N(mean, std^2), independent weights, through w = mean + std * noise                     (3)
         p(y | x, D) = E_p(w|D) p(y | x, w), estimated by a mean over weights drawn from q                   (4)
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, ranked
from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.nn import mlp as nn
from jaxicon.ops.distributions import mixture
from jaxicon.ops.divergences import gaussian_kl


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (20,)  # none: linear regression
    prior_std: float = 1.0
    noise_std: float = 0.1
    initial_std: float = 0.05
    learning_rate: float = 1e-2
    samples: int = 8  # weights drawn in a step
    draws: int = 100  # weights drawn in evaluation


def forward(params: dict, x: Float[Array, "b d"]) -> Float[Array, "b k"]:
    """f(x, w): a perceptron with tanh between its layers."""
    return nn.forward(params, x, jnp.tanh)


def log_likelihood(params: dict, x: Float[Array, "b d"], y: Float[Array, "b k"], noise_std: float) -> Float[Array, "b"]:
    """log p(y | x, w) of every example, in nats."""
    return norm.logpdf(y, forward(params, x), noise_std).sum(-1)


def log_prior(params, prior_std: float) -> Float[Array, ""]:
    """log p(w)."""
    return sum(norm.logpdf(w, 0, prior_std).sum() for w in jax.tree.leaves(params))


def weights(q: dict, noise):
    """(3): q is {"mean": tree, "log_std": tree}, the noise such a tree."""
    return jax.tree.map(lambda m, s, n: m + jnp.exp(s) * n, q["mean"], q["log_std"], noise)


def divergence(q: dict, prior_std: float) -> Float[Array, ""]:
    """KL(q(w) || p(w)), which needs no samples for a Gaussian prior; the paper's is a mixture of two."""
    one = lambda m, s: gaussian_kl(m.ravel() / prior_std, s.ravel() - jnp.log(prior_std))
    return sum(jax.tree.leaves(jax.tree.map(one, q["mean"], q["log_std"])))


def elbo(q: dict, noise, log_likelihood: Callable, prior_std: float) -> Float[Array, ""]:
    """(2) with the mean over the leading axis of the noise for E_q; log_likelihood(w) is that of all data."""
    return jax.vmap(lambda n: log_likelihood(weights(q, n)))(noise).mean() - divergence(q, prior_std)


def standard(key: Key, q: dict, count: int):
    """Noise N(0, 1) for `count` networks of q: a tree with that leading axis."""
    leaves, shape = jax.tree.flatten(q["mean"])
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.normal(k, (count, *m.shape), m.dtype) for k, m in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(shape, drawn)


def draw(key: Key, q: dict, count: int) -> dict:
    """`count` networks of q: parameters with that leading axis."""
    return jax.vmap(weights, (None, 0))(q, standard(key, q, count))


def bayesian_network(config: Config, outputs: int, examples: int) -> Predictor:
    """A regression of y [b, outputs] on x [b, d]; `examples` is the size of the whole training set.

    Prediction is by the mean weights; `draw` gives whole networks. Raises ConfigError for numbers
    that are not positive.
    """
    stds = dict(prior_std=config.prior_std, noise_std=config.noise_std, initial_std=config.initial_std)
    counts = dict(samples=config.samples, draws=config.draws, examples=examples)
    positive("bayesian_network", learning_rate=config.learning_rate, **stds, **counts)
    net = nn.mlp(*config.hidden, outputs)

    def init(key: Key, batch):
        ranked("bayesian_network", 2, x=batch[0], y=batch[1])
        mean = net.init(key, batch[0])
        return {
            "mean": mean,
            "log_std": jax.tree.map(lambda w: jnp.full_like(w, jnp.log(config.initial_std)), mean),
        }, ()

    def loss(key: Key, q, extra, batch):
        whole = lambda w: examples * log_likelihood(w, *batch, config.noise_std).mean()
        value = elbo(q, standard(key, q, config.samples), whole, config.prior_std) / examples
        return -value, (extra, {"elbo": value, "kl": divergence(q, config.prior_std) / examples})  # nats per example

    def measure(key: Key, q, extra, batch):
        drawn = draw(key, q, config.draws)
        log_p = jax.vmap(lambda w: log_likelihood(w, *batch, config.noise_std))(drawn)
        error = ((jax.vmap(lambda w: forward(w, batch[0]))(drawn).mean(0) - batch[1]) ** 2).sum(-1).mean()
        return {"log_likelihood": mixture(log_p).mean(), "squared_error": error}

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b k"]:
        return forward(state.params["mean"], x)

    return Predictor(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), predict)
