"""A cart between two walls, pushed to a mark: a double integrator, with all its safe states and actions known.

Idea     x' = x + v dt + u dt^2 / 2,  v' = v + u dt,  |u| <= 1.  A wall at 1 can be kept off for ever if and only if
         x <= 1  and, where v > 0,  x + v^2 / 2 <= 1: full braking holds the left side constant.                     (1)
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Environment
from jaxicon.ops.bulk import uniform

SECONDS, WALL, FARTHEST_MARK = 0.1, 1.0, 0.95  # s, m, m
MARGIN = 1e-4  # m, for what float32 rounds away


class State(NamedTuple):
    x: Float[Array, ""]  # m, between the walls at -1 and 1
    velocity: Float[Array, ""]  # m/s
    mark: Float[Array, ""]  # m


def starts(key: Key, n: int) -> State:
    """n carts at rest, within half a metre of the centre; marks anywhere up to 5 cm from a wall."""
    x, mark = uniform(key, (2, n), -1, 1)
    return State(x / 2, jnp.zeros(n), FARTHEST_MARK * mark)


def reset(key: Key) -> State:
    """One of them."""
    return State(*(x[0] for x in starts(key, 1)))


def step(key: Key, state: State, action: Float[Array, "1"]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """The action is an acceleration [1] in m/s^2, cut to [-1, 1]; reward 1 - |x' - mark| / 2, and 0 in a wall."""
    push = jnp.clip(action[0].astype(state.x.dtype), -1, 1)
    velocity = state.velocity + SECONDS * push
    x = state.x + SECONDS * (state.velocity + velocity) / 2
    crash = jnp.abs(x) > WALL
    return State(x, velocity, state.mark), jnp.where(crash, 0, 1 - jnp.abs(x - state.mark) / 2), crash


def braking(state: State) -> tuple[Float[Array, "2 1"], Float[Array, "2"]]:
    """The actions after which (1) holds for both walls at the next moment, as half-spaces: normals . u <= limits.

    The walls count as 0.1 mm nearer. With w = v' in (1), w^2 + w dt + 2 x + v dt - 2 <= 0 where w > 0; where it must
    not be, x + (v + w) dt / 2 <= 1. From a state that obeys (1) there is always such an action within [-1, 1].
    """
    signs = jnp.array([1.0, -1.0])
    velocity = signs * state.velocity
    room = WALL - MARGIN - signs * state.x - SECONDS * velocity / 2
    moving = (-SECONDS + jnp.sqrt(SECONDS**2 + 8 * jnp.maximum(room, 0))) / 2
    fastest = jnp.where(room > 0, moving, 2 * room / SECONDS)
    return signs[:, None], (fastest - velocity) / SECONDS


def cart() -> Environment:
    """100 steps of 0.1 s, or up to a crash; observed as [x, velocity, mark]."""
    return Environment(reset, step, jnp.stack, Box(np.array([-1.0]), np.array([1.0])), 100, starts)
