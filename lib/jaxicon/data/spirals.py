"""Two interleaved spirals: classes that no straight line and no circle parts."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Key

TURNS = 0.75  # of each arm


def arms(position: Float[Array, "*b"], y: Int[Array, "*b"]) -> Float[Array, "*b 2"]:
    """The point of arm y at `position` in [0, 1]: radius 0.2 to 1, the second arm half a turn behind the first."""
    angle = 2 * jnp.pi * TURNS * position + jnp.pi * y
    radius = 0.2 + 0.8 * position
    return radius[..., None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def spirals(key: Key, count: int, std: float = 0.02) -> tuple[Float[Array, "n 2"], Int[Array, "n"]]:
    """`count` points (x, y) with even classes, uniform along their arm, with Gaussian noise."""
    position_key, class_key, noise_key = jax.random.split(key, 3)
    y = jax.random.randint(class_key, (count,), 0, 2)
    x = arms(jax.random.uniform(position_key, (count,)), y)
    return x + std * jax.random.normal(noise_key, x.shape), y
