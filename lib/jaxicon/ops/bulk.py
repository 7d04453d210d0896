"""Random numbers and orders by the thousand, at a fraction of what jax.random takes for them on a CPU."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32


def words(key: Array, size: int) -> UInt32[Array, "size"]:
    """Independent random bits: both words of every block of the cipher, of which jax.random.bits takes one."""
    return jax.random.key_data(jax.random.split(key, -(-size // 2))).ravel()[:size]


def uniform(key: Array, shape: tuple[int, ...], low: float, high: float) -> Float[Array, "*shape"]:
    """Independent and uniform in [low, high) with the 23 bits of a float32, in the default float."""
    fractions = (words(key, math.prod(shape)) >> 9).astype(float) * 2**-23
    return (low + (high - low) * fractions).reshape(shape)


def permutations(key: Array, count: int, size: int) -> Int[Array, "count size"]:
    """Independent orders of 0 .. size - 1.

    Up to 4,096 places are sorted by random bits in the same word above them: only a pair that shares its 20 bits, one
    in a million, keeps its order. A larger size is left to jax.random.permutation.
    """
    if size > 4096:
        return jax.vmap(lambda key: jax.random.permutation(key, size))(jax.random.split(key, count))
    below = jnp.uint32(2 ** (size - 1).bit_length() - 1)
    places = words(key, count * size).reshape(count, size) & ~below | jnp.arange(size, dtype=jnp.uint32)[None]
    return (jnp.sort(places, axis=1) & below).astype(jnp.int32)
