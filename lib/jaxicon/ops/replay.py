"""Replay buffers: what an agent needs of one, and a ring of the last `capacity` transitions, sampled uniformly.

Notes    CS182 §7.6.3, Algorithm 20
Paper    Lin 1992, Machine Learning 8
Systems  rl.q_replay
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class Drawn(NamedTuple):
    rows: Any  # a pytree of arrays [n, ...]
    index: Int[Array, "n"]  # where they lie
    weight: Float[Array, "n"]  # of each one's loss


class Memory(NamedTuple):
    """A kind of replay buffer, whose state has a field `written`: how many rows were appended since the beginning.

    empty(row, capacity) -> state            for rows of the shapes and dtypes of `row`
    append(state, rows [n]) -> state         over the oldest ones; the capacity is a multiple of n
    sample(key, state, n) -> Drawn
    rate(state, index [n], error [n]) -> state   is told by how much the rows drawn last were off
    """

    empty: Callable
    append: Callable
    sample: Callable
    rate: Callable


class Ring(NamedTuple):
    rows: Any  # a pytree of arrays [capacity, ...]
    written: Int[Array, ""]  # rows appended since the beginning


def empty(row: Any, capacity: int) -> Ring:
    """A ring for rows of the shapes and dtypes of `row`."""
    zeros = lambda x: jnp.zeros((capacity, *jnp.shape(x)), jnp.result_type(x))
    return Ring(jax.tree.map(zeros, row), jnp.int32(0))


def size(tree: Any) -> int:
    """The length of the leading axis that all arrays share."""
    return jax.tree.leaves(tree)[0].shape[0]


def append(ring: Ring, new: Any) -> Ring:
    """Writes rows [n, ...] over the oldest ones; the capacity is a multiple of n, so they lie side by side."""
    capacity, n = size(ring.rows), size(new)
    write = lambda old, new: jax.lax.dynamic_update_slice_in_dim(old, new, ring.written % capacity, 0)
    assert capacity % n == 0, f"append: a ring of {capacity} rows takes no {n} at a time"
    return Ring(jax.tree.map(write, ring.rows, new), ring.written + n)


def sample(key: jax.Array, ring: Ring, n: int) -> Any:
    """n rows [n, ...], each uniform over what has been written and not yet overwritten, with replacement."""
    return draw(key, ring, n).rows


def draw(key: jax.Array, ring: Ring, n: int) -> Drawn:
    """`sample` with the places of the rows, all of the same weight."""
    index = jax.random.randint(key, (n,), 0, jnp.minimum(ring.written, size(ring.rows)))
    return Drawn(jax.tree.map(lambda x: x[index], ring.rows), index, jnp.ones(n))


uniform = Memory(empty, append, draw, rate=lambda ring, index, error: ring)
