"""Eight narrow Gaussians on a circle: two dimensions in which a generator's lost modes can be seen and counted.

Notes    CS182 §11.1.12
Systems  gen.mode_collapse
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key, Metrics
from jaxicon.ops.divergences import kl

MODES, RADIUS, STD = 8, 2.0, 0.05


def centres() -> Float[Array, "m 2"]:
    """Means of the modes, counter-clockwise from the positive x axis."""
    angle = 2 * jnp.pi * jnp.arange(MODES) / MODES
    return RADIUS * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def ring(key: Key, count: int) -> Float[Array, "n 2"]:
    """`count` independent points."""
    mode_key, noise_key = jax.random.split(key)
    mode = jax.random.randint(mode_key, (count,), 0, MODES)
    return centres()[mode] + STD * jax.random.normal(noise_key, (count, 2))


def nearest_mode(points: Float[Array, "n 2"]) -> tuple[Int[Array, "n"], Bool[Array, "n"]]:
    """(index of the nearest centre, whether it is within three standard deviations) of every point."""
    distance = jnp.linalg.norm(points[:, None] - centres()[None], axis=-1)
    return distance.argmin(-1), distance.min(-1) <= 3 * STD


def mode_statistics(points: Float[Array, "n 2"]) -> Metrics:
    """What a sample says about the generator; meant for 2,500 points.

    quality  share of the points within three standard deviations of a centre; 1 - exp(-9/2) = 0.989 for the ring itself
    modes    centres that have at least 1 % of the points so near
    kl       from the shares of the points nearest to each centre to the uniform; 0 when even, log 8 for a single mode
    """
    mode, near = nearest_mode(points)
    member = jax.nn.one_hot(mode, MODES, dtype=points.dtype)  # [n m]
    covered = (member * near[:, None]).mean(0) >= 0.01
    return {
        "quality": near.mean(dtype=points.dtype),
        "modes": covered.sum(dtype=points.dtype),
        "kl": kl(member.mean(0), jnp.full(MODES, 1 / MODES)),
    }
