"""Denoising diffusion: a network that predicts the noise in noisy data turns noise into data, a little at a time.

Notes    Deep-learning cookbook, Diffusion
Paper    Ho, Jain & Abbeel 2020, arXiv:2006.11239
Systems  gen.ddpm gen.ddpm_vlb
Idea     x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise;  minimise |noise - predict(x_t, t)|^2          (1)
         sampling: x_(t-1) ~ q(x_(t-1) | x_t, x_0) of ops/diffusion, x_0 from x_t and the predicted noise          (2)
         -log p(x_0) <= KL(q(x_T|x_0) || N(0, I)) + sum_(t>1) E KL(q(x_(t-1)|x_t,x_0) || p(x_(t-1)|x_t))
                        - E log p(x_0|x_1);  (1) is this bound with every t given the same weight                  (3)
Erratum  the Deep-learning cookbook prints the bound (3) as equal to the log-likelihood, and with the opposite sign.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Int

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Fit, Generator, Key, from_stateful_loss
from jaxicon.nn.network import Network
from jaxicon.ops.diffusion import (
    Schedule,
    added,
    cosine,
    denoise,
    diffuse,
    linear,
    posterior_mean,
    posterior_variance,
)
from jaxicon.ops.divergences import gaussian_kl

Predict = Callable[[Float[Array, "b *d"], Int[Array, "b"]], Float[Array, "b *d"]]  # (x_t, t) -> the noise in x_t


@dataclass(frozen=True)
class Config:
    times: int = 1000  # T
    schedule: str = "linear"  # or "cosine"
    learning_rate: float = 2e-4
    averaging: float = 0.9999  # of the parameters that predict, per step


class Average(NamedTuple):
    params: Any  # moving average
    blank: Float[Array, "*d"]  # zeros in the shape of one example


def schedule(config: Config) -> Schedule:
    """Raises ConfigError for an unknown name."""
    known = {"linear": linear, "cosine": cosine}
    if config.schedule not in known:
        raise ConfigError(f"ddpm: schedule is {config.schedule!r}; expected 'linear' or 'cosine'")
    return known[config.schedule](config.times)


def predictor(network: Network, state: Fit) -> Predict:
    """The trained network, with the averaged parameters."""
    return lambda x, t: network.apply(state.extra.params, x, t)


def noise_loss(
    key: Key, predict: Predict, alpha_bar: Schedule, x0: Float[Array, "b *d"]
) -> tuple[Float[Array, ""], dict]:
    """(1), the mean over pixels, at one random time for every example."""
    time_key, noise_key = jax.random.split(key)
    t = jax.random.randint(time_key, x0.shape[:1], 1, alpha_bar.shape[0])
    noise = jax.random.normal(noise_key, x0.shape)
    x = jax.vmap(diffuse, (None, 0, 0, 0))(alpha_bar, t, x0, noise)
    value = ((noise - predict(x, t)) ** 2).mean()
    return value, {"loss": value}


def reverse(
    predict: Predict, alpha_bar: Schedule, t: Int[Array, ""], x: Float[Array, "b *d"]
) -> tuple[Float[Array, "b *d"], Float[Array, ""]]:
    """(2): mean and standard deviation of x_(t-1) given x_t; nothing is random where t = 1."""
    x0 = denoise(alpha_bar, t, x, predict(x, jnp.full(x.shape[:1], t)))
    return posterior_mean(alpha_bar, t - 1, t, x0, x), jnp.sqrt(posterior_variance(alpha_bar, t - 1, t))


def ancestral(
    key: Key, predict: Predict, alpha_bar: Schedule, times: Int[Array, "n"], x: Float[Array, "b *d"]
) -> Float[Array, "b *d"]:
    """The paper's algorithm 2, for times t = T .. 1: x_0 from x = x_T, or a part of the way."""

    def body(x, t):
        mean, std = reverse(predict, alpha_bar, t, x)
        return mean + std * jax.random.normal(jax.random.fold_in(key, t), x.shape), None

    return jax.lax.scan(body, x, times)[0]


def bound(
    noise: Float[Array, "T d"], predict: Predict, alpha_bar: Schedule, x0: Float[Array, "d"]
) -> Float[Array, "T+1"]:
    """The terms of (3) in nats for one example and one noise at each time: t = 1 .. T, then the prior's.

    p(x_(t-1)|x_t) has the variance beta_t here, the larger of the paper's two: with the smaller one, which samples
    better in few steps, the bound stays apart from the log-likelihood however many the steps.
    """
    t = jnp.arange(1, alpha_bar.shape[0])
    x = jax.vmap(diffuse, (None, 0, None, 0))(alpha_bar, t, x0, noise)
    prediction = predict(x, t)

    def divergence(t, x, noise):
        """KL(q(x_(t-1)|x_t,x_0) || p(x_(t-1)|x_t))"""
        mean = lambda x0: posterior_mean(alpha_bar, t - 1, t, x0, x)
        own, other = posterior_variance(alpha_bar, t - 1, t), added(alpha_bar, t - 1, t)
        guess = denoise(alpha_bar, t, x, noise)
        return gaussian_kl(mean(x0), jnp.full(x0.shape, jnp.log(own) / 2), mean(guess), jnp.log(other) / 2)

    steps = jax.vmap(divergence)(t[1:], x[1:], prediction[1:])
    data = -norm.logpdf(x0, denoise(alpha_bar, 1, x[0], prediction[0]), jnp.sqrt(1 - alpha_bar[1])).sum()
    prior = gaussian_kl(jnp.sqrt(alpha_bar[-1]) * x0, jnp.full(x0.shape, jnp.log1p(-alpha_bar[-1]) / 2))
    return jnp.concatenate([data[None], steps, prior[None]])


def ddpm(config: Config, network: Network) -> Generator:
    """A generator of examples like x [b, ...], scaled to about N(0, 1) or [-1, 1]; network: (x_t, t) -> the noise."""
    alpha_bar = schedule(config)

    def init(key: Key, x: Float[Array, "b *d"]):
        params = network.init(key, x, jnp.ones(x.shape[0], int))
        return params, Average(params, jnp.zeros(x.shape[1:]))

    def loss(key: Key, params, extra: Average, x: Float[Array, "b *d"]):
        value, metrics = noise_loss(key, lambda x, t: network.apply(params, x, t), alpha_bar, x)
        average = optax.incremental_update(params, extra.params, 1 - config.averaging)
        return value, (extra._replace(params=average), metrics)

    def measure(key: Key, params, extra: Average, x: Float[Array, "b *d"]):
        return noise_loss(key, lambda x, t: network.apply(extra.params, x, t), alpha_bar, x)[1]

    def sample(key: Key, state: Fit, count: int) -> Float[Array, "n *d"]:
        noise_key, step_key = jax.random.split(key)
        x = jax.random.normal(noise_key, (count, *state.extra.blank.shape))
        return ancestral(step_key, predictor(network, state), alpha_bar, jnp.arange(config.times, 0, -1), x)

    return Generator(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), sample)
