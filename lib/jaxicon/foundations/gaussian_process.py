"""Gaussian process regression: a distribution over functions, conditioned on the data in closed form.

Notes    RL & DL notebook U2, model-based RL §3, as a model of dynamics
Book     Rasmussen & Williams 2006, Gaussian Processes for Machine Learning: §2.2, §2.3, Algorithm 2.1, §4.2, §5.4.1
Systems  found.gaussian_process
Idea     f ~ GP(0, k),  y = f(x) + noise:   mean  K* (K + s^2 I)^-1 y,   covariance  K** - K* (K + s^2 I)^-1 K*^T    (1)
         k(x, z) = a^2 exp(-r^2 / 2),   r^2 = sum_i ((x_i - z_i) / l_i)^2,   or a Matern kernel                 (2)
         maximise  log p(y) = -y^T (K + s^2 I)^-1 y / 2 - log |K + s^2 I| / 2 - n log(2 pi) / 2  over  l, a, s      (3)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, ranked
from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.ops.distributions import gaussian_log_prob
from jaxicon.ops.linalg import cholesky, inv_lower

Batch = tuple[Float[Array, "n d"], Float[Array, "n k"]]


@dataclass(frozen=True)
class Config:
    kernel: str = "squared_exponential"  # or "matern_3_2", "matern_5_2"
    learning_rate: float = 0.05  # of Adam, in the logarithms of the hyperparameters
    noise: float = 0.1  # standard deviation at first, in units of the signal's
    least_noise: float = 1e-3  # likewise, at any time; float32 wants 1e-2 from a few hundred points on


class Hyper(NamedTuple):
    """Hyperparameters in their own units."""

    lengthscale: Float[Array, "d"]  # l of (2), one for each input
    signal: Float[Array, ""]  # a
    noise: Float[Array, ""]  # s of (1)


def length(square: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """r from r^2; its derivative at 0 is taken as 0, which is right for the kernels below."""
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def matern_3_2(square: Float[Array, "*n"]) -> Float[Array, "*n"]:
    r = math.sqrt(3) * length(square)
    return (1 + r) * jnp.exp(-r)


def matern_5_2(square: Float[Array, "*n"]) -> Float[Array, "*n"]:
    r = math.sqrt(5) * length(square)
    return (1 + r + 5 / 3 * square) * jnp.exp(-r)


Profile = Callable[[Float[Array, "*n"]], Float[Array, "*n"]]
KERNELS: dict[str, Profile] = {  # correlations, from r^2
    "squared_exponential": lambda square: jnp.exp(-square / 2),
    "matern_3_2": matern_3_2,
    "matern_5_2": matern_5_2,
}


def covariance(profile: Profile, hyper: Hyper, x: Float[Array, "n d"], z: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """(2): k of all pairs."""
    apart = (x[:, None] - z[None]) / hyper.lengthscale[None, None]
    return hyper.signal**2 * profile((apart**2).sum(-1))


def whitener(profile: Profile, hyper: Hyper, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
    """L^-1, where L L^T = K + s^2 I."""
    noise = hyper.noise**2 * jnp.eye(len(x), dtype=hyper.noise.dtype)
    return inv_lower(cholesky(covariance(profile, hyper, x, x) + noise))


def log_marginal_likelihood(
    profile: Profile, hyper: Hyper, x: Float[Array, "n d"], y: Float[Array, "n"]
) -> Float[Array, ""]:
    """(3), in nats."""
    white = whitener(profile, hyper, x)
    return -((white @ y) ** 2).sum() / 2 + jnp.log(jnp.diag(white)).sum() - len(x) / 2 * math.log(2 * math.pi)


def posterior(
    profile: Profile, hyper: Hyper, x: Float[Array, "n d"], y: Float[Array, "n"], new: Float[Array, "m d"]
) -> tuple[Float[Array, "m"], Float[Array, "m m"]]:
    """(1): mean and covariance of f, without noise, at new inputs."""
    white = whitener(profile, hyper, x)
    seen = white @ covariance(profile, hyper, x, new)
    return seen.T @ (white @ y), covariance(profile, hyper, new, new) - seen.T @ seen


def first_guess(x: Float[Array, "n d"], y: Float[Array, "n k"], noise: float) -> dict:
    """Logarithms: lengthscales [k, d] from the spread of x, signals [k] and their share of noise from the size of y."""
    usual = lambda size: jnp.log(jnp.where(size > 0, size, 1))
    signal = usual(jnp.sqrt((y**2).mean(0)))
    lengthscale = jnp.broadcast_to(usual(x.std(0))[None], (y.shape[1], x.shape[1]))
    return {"log_lengthscale": lengthscale, "log_signal": signal, "log_noise": signal + jnp.log(noise)}


def gaussian_process(config: Config) -> Predictor:
    """Regression of y [n, k] on x [n, d]: one process for each of the k columns; batches are (x, y), all of the data.

    A step moves the hyperparameters up (3). The posterior is that of the batch of the last step, before the first of
    `init`. Far from the data the mean is 0.
    Raises ConfigError for an unknown kernel, DataError where x or y has other axes.
    """
    positive("gaussian_process", learning_rate=config.learning_rate, noise=config.noise, least=config.least_noise)
    if config.kernel not in KERNELS:
        raise ConfigError(f"gaussian_process: no kernel {config.kernel!r}{nearest(config.kernel, KERNELS)}")
    profile = KERNELS[config.kernel]

    def natural(params: dict) -> Hyper:
        signal = jnp.exp(params["log_signal"])
        noise = jnp.hypot(jnp.exp(params["log_noise"]), config.least_noise * signal)
        return Hyper(jnp.exp(params["log_lengthscale"]), signal, noise)

    def init(key: Key, batch: tuple):
        x, y = batch
        ranked("gaussian_process", 2, x=x, y=y)
        return first_guess(x, y, config.noise), (x, y)

    def loss(key: Key, params, extra: Batch, batch: Batch):
        x, y = batch
        fits = jax.vmap(lambda params, y: log_marginal_likelihood(profile, natural(params), x, y))(params, y.T)
        return -fits.sum(), (batch, {"log_marginal_likelihood": fits.sum()})

    def outputs(params, data: Batch, new: Float[Array, "m d"]):
        """Means and standard deviations [m, k] of y."""

        def column(params, y):
            hyper = natural(params)
            mean, variance = jax.vmap(lambda z: posterior(profile, hyper, data[0], y, z[None]))(new)
            return mean[:, 0], jnp.sqrt(jnp.maximum(variance[:, 0, 0], 0) + hyper.noise**2)

        return jax.vmap(column, (0, 1), 1)(params, data[1])

    def measure(key: Key, params, extra: Batch, batch: tuple):
        mean, std = outputs(params, extra, batch[0])
        error = batch[1] - mean
        return {
            "error": jnp.sqrt((error**2).mean()),
            "log_density": gaussian_log_prob(mean, jnp.log(std), batch[1]).mean(),
            "coverage": (jnp.abs(error) < 1.96 * std).mean(dtype=error.dtype),
        }

    def predict(state: Fit, x: Float[Array, "m d"]) -> tuple[Float[Array, "m k"], Float[Array, "m k"]]:
        """Mean and standard deviation of y, noise included."""
        return outputs(state.params, state.extra, x)

    optimizer = optax.adam(config.learning_rate)
    return Predictor(*from_stateful_loss(init, loss, measure, optimizer), predict)
