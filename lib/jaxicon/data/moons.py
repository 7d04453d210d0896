"""Two interleaved half circles: two dimensions, and a density that is known, thin and curved."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from jaxicon.core.method import Key

STD = 0.05  # of the noise
NODES, WEIGHTS = np.polynomial.legendre.leggauss(256)


def arcs(angle: Float[Array, "n"]) -> Float[Array, "2 n 2"]:
    """Points of the upper and the lower moon, angle in [0, pi]."""
    upper = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    return jnp.stack([upper, jnp.array([[1.0, 0.5]]) - upper])


def moons(key: Key, count: int, std: float = STD) -> Float[Array, "n 2"]:
    """`count` independent points, scikit-learn's make_moons but for the angles, which are random."""
    moon_key, angle_key, noise_key = jax.random.split(key, 3)
    both = arcs(jnp.pi * jax.random.uniform(angle_key, (count,)))
    upper = jax.random.bernoulli(moon_key, shape=(count, 1))
    return jnp.where(upper, both[0], both[1]) + std * jax.random.normal(noise_key, (count, 2))


def log_density(x: Float[Array, "2"], std: float = STD) -> Float[Array, ""]:
    """log p(x): the mean over both moons and all angles of N(x; point of the arc, std^2)."""
    points = arcs(jnp.pi * (jnp.asarray(NODES, x.dtype) + 1) / 2)
    log_likelihood = norm.logpdf(x[None, None], points, std).sum(-1)
    return jax.nn.logsumexp(log_likelihood, b=jnp.asarray(WEIGHTS, x.dtype)[None] / 4)
