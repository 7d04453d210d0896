"""Pendulum: a rod on a motor that is too weak to lift it, unless it swings.

Notes    RL & DL notebook U2
Idea     theta'' = 3 g / (2 l) sin(theta) + 3 u / (m l^2);  one step of 0.05 s, the angle by the velocity after it
         reward -(theta^2 + theta'^2 / 10 + u^2 / 1000), the angle within [-pi, pi), 0 where the rod stands upright
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Environment
from jaxicon.ops.bulk import uniform

GRAVITY, MASS, LENGTH, SECONDS = 10.0, 1.0, 1.0, 0.05  # m/s², kg, m, s
TORQUE, FASTEST = 2.0, 8.0  # the most there is: N m, radians/s


class State(NamedTuple):
    theta: Float[Array, ""]  # radians from upright, counter-clockwise, whole turns included
    spin: Float[Array, ""]  # radians/s


def starts(key: Key, n: int) -> State:
    """n states of any angle, with spins within one radian per second."""
    theta, spin = uniform(key, (2, n), -1, 1)
    return State(jnp.pi * theta, spin)


def reset(key: Key) -> State:
    """One of them."""
    return jax.tree.map(lambda x: x[0], starts(key, 1))


def step(key: Key, state: State, action: Float[Array, "1"]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """The action is a torque [1], cut to what the motor can do; the task is never over."""
    torque = jnp.clip(action[0].astype(state.theta.dtype), -TORQUE, TORQUE)
    angle = (state.theta + jnp.pi) % (2 * jnp.pi) - jnp.pi
    turn = 1.5 * GRAVITY / LENGTH * jnp.sin(state.theta) + 3 / (MASS * LENGTH**2) * torque
    spin = jnp.clip(state.spin + SECONDS * turn, -FASTEST, FASTEST)
    reward = -(angle**2 + 0.1 * state.spin**2 + 0.001 * torque**2)
    return State(state.theta + SECONDS * spin, spin), reward, jnp.array(False)


def observe(state: State) -> Float[Array, "3"]:
    """cos theta, sin theta and spin."""
    return jnp.stack([jnp.cos(state.theta), jnp.sin(state.theta), state.spin])


def pendulum() -> Environment:
    """Gymnasium's Pendulum-v1: 200 steps; observed as [cos theta, sin theta, spin]."""
    return Environment(reset, step, observe, Box(np.array([-TORQUE]), np.array([TORQUE])), 200, starts)
