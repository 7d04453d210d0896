"""A Gaussian squashed by tanh: draws within (-1, 1) and their density, in nats; the last axis is the distribution's.

Paper    Haarnoja et al. 2018, arXiv:1812.05905, appendix C
Idea     a = tanh(u):  log p(a) = log p(u) - sum log(1 - tanh(u)^2)
         log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)): on the right nothing is lost where tanh(u) rounds to 1.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.ops.distributions import gaussian_log_prob


def log_slope(u: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
    """log of the derivative of tanh, for any u."""
    return 2 * (jnp.log(2.0) - u - jax.nn.softplus(-2 * u))


def squashed_gaussian(
    mean: Float[Array, "*b d"], log_std: Float[Array, "*b d"], noise: Float[Array, "*b d"]
) -> tuple[Float[Array, "*b d"], Float[Array, "*b"]]:
    """(action, log_prob) of tanh(mean + std noise), where the noise is standard normal; differentiable in both."""
    u = mean + jnp.exp(log_std) * noise
    return jnp.tanh(u), gaussian_log_prob(mean, log_std, u) - log_slope(u).sum(-1)
