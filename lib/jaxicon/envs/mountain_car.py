"""MountainCar: a car too weak for the hill before it, unless it first backs up the one behind.

Notes    RL & DL notebook U1
Paper    Moore 1990, Efficient memory-based learning for robot control (thesis, Cambridge), for the task
Book     Sutton & Barto 2018, Example 10.1
Idea     v <- v + power u - 0.0025 cos(3 x), within 0.07;  x <- x + v, within [-1.2, 0.6];  the left wall stops it
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Discrete, Environment
from jaxicon.ops.bulk import uniform

LEFT, RIGHT, FASTEST, GRAVITY = -1.2, 0.6, 0.07, 0.0025
POWER, GOAL = 0.001, 0.5  # of the car with three actions
CONTINUOUS_POWER, CONTINUOUS_GOAL, REWARD, EFFORT = 0.0015, 0.45, 100.0, 0.1  # of the car with a throttle


class State(NamedTuple):
    x: Float[Array, ""]  # the hill is sin(3 x) high: the valley is at -pi / 6
    velocity: Float[Array, ""]  # a step


def starts(key: Key, n: int) -> State:
    """n cars at rest, anywhere uniform in [-0.6, -0.4)."""
    return State(uniform(key, (n,), -0.6, -0.4), jnp.zeros(n))


def reset(key: Key) -> State:
    """One of them."""
    return jax.tree.map(lambda x: x[0], starts(key, 1))


def drive(state: State, push: Float[Array, ""], goal: float) -> tuple[State, Bool[Array, ""]]:
    """The car a step later, pushed to the right, and whether it is at the goal and not rolling back."""
    rush = state.velocity + push - GRAVITY * jnp.cos(3 * state.x)
    velocity = jnp.clip(rush, -FASTEST, FASTEST)
    x = jnp.clip(state.x + velocity, LEFT, RIGHT)
    velocity = jnp.where(x == LEFT, jnp.maximum(velocity, 0), velocity)
    return State(x, velocity), (x >= goal) & (velocity >= 0)


def step(key: Key, state: State, action: Int[Array, ""]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Action 0 drives to the left, 1 not at all, 2 to the right; reward -1, also for the step that ends it."""
    after, there = drive(state, POWER * (action - 1).astype(state.x.dtype), GOAL)
    return after, -jnp.ones((), state.x.dtype), there


def throttle(key: Key, state: State, action: Float[Array, "1"]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """The action [1] is cut to [-1, 1], but paid for as it came: 100 at the goal, less a tenth of its square."""
    wanted = action[0].astype(state.x.dtype)
    after, there = drive(state, CONTINUOUS_POWER * jnp.clip(wanted, -1, 1), CONTINUOUS_GOAL)
    return after, jnp.where(there, REWARD, 0.0).astype(state.x.dtype) - EFFORT * wanted**2, there


def mountain_car() -> Environment:
    """Gymnasium's MountainCar-v0: 200 steps at most; observed as [x, velocity]."""
    return Environment(reset, step, jnp.stack, Discrete(3), horizon=200, starts=starts)


def mountain_car_continuous() -> Environment:
    """Gymnasium's MountainCarContinuous-v0: 999 steps at most; observed as [x, velocity]."""
    return Environment(reset, throttle, jnp.stack, Box(np.array([-1.0]), np.array([1.0])), horizon=999, starts=starts)
