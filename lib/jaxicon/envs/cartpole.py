"""CartPole: a cart that pushes left or right, so that the pole on it stays upright.

Notes    DL4CV lectures 14 and 21; RL & DL notebook U4; MIT 6.S191 lab 3
Paper    Barto, Sutton & Anderson 1983, IEEE Transactions on Systems, Man, and Cybernetics 13
Systems  rl.cartpole
Idea     acc = (g sin(theta) - cos(theta) f) / (l (4/3 - m cos(theta)^2 / M)),  f = (F + m l theta'^2 sin(theta)) / M
         x'' = f - m l acc cos(theta) / M;  one Euler step of 0.02 s, positions by the velocities before it
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.ops.bulk import uniform

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02  # m/s², kg, kg, m, N, s
FARTHEST, STEEPEST = 2.4, 12 * 2 * math.pi / 360  # m, radians: beyond them it is over


class State(NamedTuple):
    x: Float[Array, ""]  # m
    velocity: Float[Array, ""]  # m/s
    theta: Float[Array, ""]  # radians from upright, to the right
    spin: Float[Array, ""]  # radians/s


def starts(key: Key, n: int) -> State:
    """n states, all four of each uniform in [-0.05, 0.05)."""
    return State(*uniform(key, (4, n), -0.05, 0.05))


def reset(key: Key) -> State:
    """One of them."""
    return jax.tree.map(lambda x: x[0], starts(key, 1))


def step(
    key: Key, state: State, action: Int[Array, ""], half_length: float = HALF_LENGTH
) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Action 0 pushes to the left, 1 to the right; reward 1, also for the step that ends it."""
    x, velocity, theta, spin = state
    sin, cos, mass = jnp.sin(theta), jnp.cos(theta), CART + POLE
    push = jnp.where(action == 1, FORCE, -FORCE).astype(x.dtype)
    force = (push + POLE * half_length * spin**2 * sin) / mass
    turn = (GRAVITY * sin - cos * force) / (half_length * (4 / 3 - POLE * cos**2 / mass))
    rush = force - POLE * half_length * turn * cos / mass
    rates = State(velocity, rush, spin, turn)
    after = jax.tree.map(lambda value, rate: value + SECONDS * rate, state, rates)
    return after, jnp.ones((), x.dtype), (abs(after.x) > FARTHEST) | (abs(after.theta) > STEEPEST)


def cartpole(half_length: float = HALF_LENGTH) -> Environment:
    """Gymnasium's CartPole-v1, or one with another pole: 500 steps at most, observed as [x, velocity, theta, spin]."""
    return Environment(reset, partial(step, half_length=half_length), jnp.stack, Discrete(2), 500, starts)
