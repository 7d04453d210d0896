"""What a run keeps of its own course: errors after every step, lengths and returns of its first episodes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Learner, Method


class Episodes(NamedTuple):
    """The state of a method, and its first n episodes."""

    inner: Any
    finished: Int[Array, ""]  # how many have ended, also after the n-th
    length: Float[Array, "n"]  # moves
    score: Float[Array, "n"]  # undiscounted return


def with_episodes(method: Method, world: Callable, n: int) -> Learner:
    """The same method, whose state is `Episodes`; world(its own state) -> Running of one copy."""

    def init(key, batch):
        return Episodes(method.init(key, batch), jnp.int32(0), jnp.zeros(n), jnp.zeros(n))

    def step(key, state, batch):
        inner, metrics = method.step(key, state.inner, batch)
        before, after = world(state.inner), world(inner)
        over = after.time[0] == 0
        place = jnp.where(over, state.finished, n)  # n is beyond the end, where nothing is written
        length = state.length.at[place].set(before.time[0] + 1.0, mode="drop")
        score = state.score.at[place].set(after.last_score[0], mode="drop")
        return Episodes(inner, state.finished + over, length, score), metrics

    return Learner(init, step, lambda key, state, batch: method.evaluate(key, state.inner, batch))


def watched(method: Method) -> Learner:
    """The same method, whose `step` also returns what `evaluate` measures after it."""

    def step(key, state, batch):
        state, metrics = method.step(key, state, batch)
        return state, metrics | method.evaluate(key, state, batch)

    return Learner(method.init, step, method.evaluate)
