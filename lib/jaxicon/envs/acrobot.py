"""Acrobot: two links hang from a pivot, with a motor in the elbow alone; swing the tip a link's length above the pivot.

Book     Sutton & Barto 1998, §11.3
Idea     theta_2'' = (u + d_2 h_1 / d_1 - theta_1'^2 sin(theta_2) / 2 - h_2) / (5/4 - d_2^2 / d_1)
         theta_1'' = -(d_2 theta_2'' + h_1) / d_1,  d_1 = 7/2 + cos(theta_2),  d_2 = 5/4 + cos(theta_2) / 2
         h_2 = g sin(theta_1 + theta_2) / 2,  h_1 = h_2 + 3/2 g sin(theta_1) - (theta_2'^2 + 2 theta_1' theta_2')
         sin(theta_2) / 2;  one step of 0.2 s by the classical Runge-Kutta method of order 4
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.ops.bulk import uniform

GRAVITY, SECONDS = 9.8, 0.2  # m/s², s; each link is 1 m long, of 1 kg in its middle and 1 kg m² about that
FASTEST = (4 * math.pi, 9 * math.pi)  # radians/s of the two joints


class State(NamedTuple):
    shoulder: Float[Array, ""]  # radians of the first link from hanging down
    elbow: Float[Array, ""]  # radians of the second link from the direction of the first
    shoulder_spin: Float[Array, ""]  # radians/s
    elbow_spin: Float[Array, ""]


def starts(key: Key, n: int) -> State:
    """n states, all four of each uniform in [-0.1, 0.1)."""
    return State(*uniform(key, (4, n), -0.1, 0.1))


def reset(key: Key) -> State:
    """One of them."""
    return jax.tree.map(lambda x: x[0], starts(key, 1))


def rates(state: State, torque: Float[Array, ""]) -> State:
    """The derivative of the state by time."""
    sin, cos = jnp.sin(state.elbow), jnp.cos(state.elbow)
    first, second = 3.5 + cos, 1.25 + cos / 2
    below = GRAVITY / 2 * jnp.sin(state.shoulder + state.elbow)
    swing = state.elbow_spin**2 + 2 * state.shoulder_spin * state.elbow_spin
    above = below + 1.5 * GRAVITY * jnp.sin(state.shoulder) - swing * sin / 2
    push = torque + second / first * above - state.shoulder_spin**2 * sin / 2 - below
    bend = push / (1.25 - second**2 / first)
    return State(state.shoulder_spin, state.elbow_spin, -(second * bend + above) / first, bend)


def step(key: Key, state: State, action: Int[Array, ""]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Actions 0, 1, 2 are torques of -1, 0, 1 N m; reward -1, but 0 for the step that ends it."""
    torque = action.astype(state.elbow.dtype) - 1
    along = lambda rate, time: jax.tree.map(lambda x, dx: x + time * dx, state, rate)
    one = rates(state, torque)
    two = rates(along(one, SECONDS / 2), torque)
    three = rates(along(two, SECONDS / 2), torque)
    four = rates(along(three, SECONDS), torque)
    mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, one, two, three, four)
    shoulder, elbow, *spins = along(mean, SECONDS)
    turn = lambda angle: (angle + jnp.pi) % (2 * jnp.pi) - jnp.pi
    spins = [jnp.clip(spin, -most, most) for spin, most in zip(spins, FASTEST, strict=True)]
    after = State(turn(shoulder), turn(elbow), *spins)
    terminal = -jnp.cos(after.shoulder) - jnp.cos(after.shoulder + after.elbow) > 1
    return after, jnp.where(terminal, 0.0, -1.0).astype(torque.dtype), terminal


def observe(state: State) -> Float[Array, "6"]:
    """Cosine and sine of both angles, and both spins."""
    cos, sin = jnp.cos, jnp.sin
    angles = (cos(state.shoulder), sin(state.shoulder), cos(state.elbow), sin(state.elbow))
    return jnp.stack([*angles, state.shoulder_spin, state.elbow_spin])


def acrobot() -> Environment:
    """Gymnasium's Acrobot-v1: 500 steps at most; observed as in `observe`."""
    return Environment(reset, step, observe, Discrete(3), horizon=500, starts=starts)
