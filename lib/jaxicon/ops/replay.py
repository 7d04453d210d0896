"""A replay buffer: a ring of the last `capacity` transitions, sampled uniformly.

Notes    CS182 §7.6.3, Algorithm 20
Paper    Lin 1992, Machine Learning 8
Systems  rl.q_replay
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int


class Ring(NamedTuple):
    rows: Any  # a pytree of arrays [capacity, ...]
    written: Int[Array, ""]  # rows appended since the beginning


def empty(row: Any, capacity: int) -> Ring:
    """A ring for rows of the shapes and dtypes of `row`."""
    zeros = lambda x: jnp.zeros((capacity, *jnp.shape(x)), jnp.result_type(x))
    return Ring(jax.tree.map(zeros, row), jnp.int32(0))


def append(ring: Ring, new: Any) -> Ring:
    """Writes rows [n, ...] over the oldest ones; the capacity is a multiple of n, so they lie side by side."""
    size, n = (jax.tree.leaves(tree)[0].shape[0] for tree in (ring.rows, new))
    write = lambda old, new: jax.lax.dynamic_update_slice_in_dim(old, new, ring.written % size, 0)
    assert size % n == 0, f"append: a ring of {size} rows takes no {n} at a time"
    return Ring(jax.tree.map(write, ring.rows, new), ring.written + n)


def sample(key: jax.Array, ring: Ring, n: int) -> Any:
    """n rows [n, ...], each uniform over what has been written and not yet overwritten, with replacement."""
    filled = jnp.minimum(ring.written, jax.tree.leaves(ring.rows)[0].shape[0])
    index = jax.random.randint(key, (n,), 0, filled)
    return jax.tree.map(lambda x: x[index], ring.rows)
