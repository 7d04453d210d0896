"""Random numbers by the thousand: both words of every block of the cipher are used, where jax.random uses one."""

import math

import jax
from jaxtyping import Array, Float


def uniform(key: Array, shape: tuple[int, ...], low: float, high: float) -> Float[Array, "*shape"]:
    """Independent and uniform in [low, high) with the 23 bits of a float32, in the default float."""
    size = math.prod(shape)
    words = jax.random.key_data(jax.random.split(key, -(-size // 2))).ravel()[:size]
    fractions = (words >> 9).astype(float) * 2**-23
    return (low + (high - low) * fractions).reshape(shape)
