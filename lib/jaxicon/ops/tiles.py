"""Tile coding: a point as the tiles that it lies in, one of each of several grids that are shifted against each other.

Book     Sutton & Barto 2018, §9.5.4
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def tile_count(dims: int, tilings: int, bins: int) -> int:
    """How many tiles there are: a shifted grid of `bins` tiles needs one more along each axis."""
    return tilings * (bins + 1) ** dims


def tiles(x: Float[Array, "d"], tilings: int, bins: int) -> Int[Array, "tilings"]:
    """The indices of the tiles that hold x, whose coordinates are cut to [0, 1].

    Tiles are 1 / bins wide. Tiling k is shifted by the fractions k (1, 3, 5, ...) / tilings of that, an odd step for
    every axis, so that the tilings do not lie along one diagonal.
    """
    steps = jnp.arange(tilings)[:, None] * (2 * jnp.arange(x.size) + 1)[None]
    shift = (steps % tilings).astype(x.dtype) / tilings
    place = jnp.floor(jnp.clip(x, 0, 1)[None] * bins + shift).astype(jnp.int32)  # x = 1 may lie in the tile beyond
    strides = jnp.array([(bins + 1) ** i for i in range(x.size)])
    own = jnp.minimum(place, bins) @ strides
    return own + jnp.arange(tilings) * math.prod([bins + 1] * x.size)
