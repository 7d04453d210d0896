"""Prioritised replay: a ring from which a row is drawn the more often, the more it was off when it was last drawn.

Notes    RL & DL notebook U1
Paper    Schaul et al. 2016, arXiv:1511.05952, Algorithm 1 and equation 1
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.ops import replay, sum_tree
from jaxicon.ops.exploration import linear_decay


class Prioritised(NamedTuple):
    ring: replay.Ring
    tree: sum_tree.Tree  # p^alpha of every row, 0 of those not yet written
    highest: Float[Array, ""]  # p^alpha, so far; at first 1

    @property
    def written(self) -> Int[Array, ""]:
        return self.ring.written


def importance(probability: Float[Array, "n"], rows: Int[Array, ""], beta: float) -> Float[Array, "n"]:
    """(rows * probability)^-beta: at beta = 1, the weighted mean over draws is on average the mean over all rows."""
    return (rows * probability) ** -beta


def prioritised(alpha: float, beta: float, beta_steps: float, smallest: float) -> replay.Memory:
    """Row i is drawn with P(i) = p_i^alpha / sum_j p_j^alpha, p = |error| + smallest; the weights are (N P)^-beta over
    the largest one drawn with them, so that they only lessen a step. beta rises to 1 in `beta_steps` rows.

    A new row gets the highest priority that there has been, so that every row is likely to be seen once.
    """

    def empty(row: Any, capacity: int) -> Prioritised:
        return Prioritised(replay.empty(row, capacity), sum_tree.zeros(capacity), jnp.ones(()))

    def append(memory: Prioritised, new: Any) -> Prioritised:
        n, capacity = replay.size(new), replay.size(memory.ring.rows)
        index = memory.written % capacity + jnp.arange(n)
        tree = sum_tree.put(memory.tree, index, jnp.full(n, memory.highest))
        return memory._replace(ring=replay.append(memory.ring, new), tree=tree)

    def sample(key: jax.Array, memory: Prioritised, n: int) -> replay.Drawn:
        rows, index = memory.ring.rows, sum_tree.strata(key, memory.tree, n)
        probability = memory.tree[0][index] / sum_tree.total(memory.tree)
        held = jnp.minimum(memory.written, replay.size(rows))
        weight = importance(probability, held, linear_decay(memory.written, beta, 1.0, beta_steps))
        return replay.Drawn(jax.tree.map(lambda x: x[index], rows), index, weight / weight.max())

    def rate(memory: Prioritised, index: Int[Array, "n"], error: Float[Array, "n"]) -> Prioritised:
        priority = (jnp.abs(error) + smallest) ** alpha
        highest = jnp.maximum(memory.highest, priority.max())
        return memory._replace(tree=sum_tree.put(memory.tree, index, priority), highest=highest)

    return replay.Memory(empty, append, sample, rate)
