"""Transition probabilities of large models: of every state and action the few states that can follow."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

UNROLLED = 64  # so many look-ups a state are written out one by one: on a CPU, three times as fast as a reduction


class Successors(NamedTuple):
    """p(s' | s, a) by the k states that may follow; one that is named twice gets the sum of its probabilities."""

    state: Int[Array | np.ndarray, "s a k"]
    probability: Float[Array | np.ndarray, "s a k"]

    def columns(self, value: Float[Array, "s"]) -> list[Float[Array, "s"]]:
        """Of every action, sum_s' p(s' | s, a) v(s')."""
        # Without the barrier XLA cuts constant tables into one array a look-up, and reads many of them at once slowly.
        state, probability = jax.lax.optimization_barrier((jnp.asarray(self.state), jnp.asarray(self.probability)))
        _, actions, count = state.shape
        if actions * count > UNROLLED:
            return list((probability * look_up(value, state)).sum(-1).T)
        term = lambda a, k: probability[:, a, k] * look_up(value, state[:, a, k])
        return [sum(term(a, k) for k in range(count)) for a in range(actions)]

    def __matmul__(self, value: Float[Array, "s"]) -> Float[Array, "s a"]:
        """sum_s' p(s' | s, a) v(s'), as a dense table [s, a, s] would have it."""
        return jnp.stack(self.columns(value)).T

    def dense(self) -> Float[np.ndarray, "s a s"]:
        """The same probabilities as a table of all pairs, on the host."""
        states, actions, _ = self.state.shape
        table = np.zeros((states, actions, states))
        np.add.at(table, (*np.ogrid[:states, :actions, :1][:2], self.state), self.probability)
        return table


def look_up(value: Float[Array, "s"], index: Int[Array | np.ndarray, "*n"]) -> Float[Array, "*n"]:
    """value[index] for indices that are known to be 0 .. s - 1."""
    one_of = jax.lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))
    return jax.lax.gather(jnp.asarray(value), index[..., None], one_of, (1,), mode="promise_in_bounds")
