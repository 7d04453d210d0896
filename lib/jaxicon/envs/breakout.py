"""Breakout on ten by ten pixels, as MinAtar has it: keep a ball in play with a paddle and break three rows of bricks.

Notes    MIT 6.S191 lecture 5; DL4CV lecture 21; RL & DL notebook
Paper    Young & Tian 2019, arXiv:1903.03176; Machado et al. 2018, arXiv:1709.06009, for actions that stick
Systems  rl.breakout
Idea     The ball moves along diagonals and is reflected by walls, by the paddle and by bricks, each of which breaks and
         pays 1; when the last is broken, three more rows come as soon as the ball is down. It is over when the ball
         falls past the paddle. Where a brick follows a brick, the ball flies through the second one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.checks import within
from jaxicon.core.method import Key
from jaxicon.envs.environment import Discrete, Environment

SIZE, TOP, ROWS, HORIZON = 10, 1, 3, 1000  # pixels a side, first row of bricks, rows of them, steps


class State(NamedTuple):
    """Pixels count from the upper left; places and velocities are integers."""

    x: Int[Array, ""]
    y: Int[Array, ""]
    dx: Int[Array, ""]  # -1 or 1
    dy: Int[Array, ""]
    last_x: Int[Array, ""]  # where the ball was a step ago
    last_y: Int[Array, ""]
    paddle: Int[Array, ""]  # its column in the last row
    bricks: Bool[Array, "3 10"]
    struck: Bool[Array, ""]  # whether the last step met a brick
    last_action: Int[Array, ""]  # the one that was carried out


def reset(key: Key) -> State:
    """The ball on the left or on the right, below the bricks and on its way down; the paddle near the middle."""
    right = jax.random.bernoulli(key).astype(jnp.int32)
    x, y, zero = (SIZE - 1) * right, jnp.int32(TOP + ROWS - 1), jnp.int32(0)
    return State(
        x, y, 1 - 2 * right, zero + 1, x, y, zero + SIZE // 2 - 1, jnp.ones((ROWS, SIZE), bool), zero > 0, zero
    )


def move(state: State, action: Int[Array, ""]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """One step of the game itself, in which nothing is left to chance: 0 stays, 1 goes left, 2 goes right."""
    paddle = jnp.clip(state.paddle + (action == 2) - (action == 1), 0, SIZE - 1)
    x, y = state.x + state.dx, state.y + state.dy
    dx = jnp.where((x < 0) | (x >= SIZE), -state.dx, state.dx)
    x, ceiling, y = jnp.clip(x, 0, SIZE - 1), y < 0, jnp.maximum(y, 0)
    there = (jnp.arange(TOP, TOP + ROWS)[:, None] == y) & (jnp.arange(SIZE)[None] == x)
    brick, low = (state.bricks & there).any(), y == SIZE - 1
    broken = brick & ~state.struck
    bricks = state.bricks & ~(there & broken) | (low & ~state.bricks.any())
    above = low & (state.x == paddle)  # the ball came from straight above the paddle, or else flies towards it
    ahead = low & ~above & (x == paddle)
    back = broken | above | ahead
    dx, dy = jnp.where(ahead, -dx, dx), jnp.where(ceiling | back, -state.dy, state.dy)
    after = State(x, jnp.where(back, state.y, y), dx, dy, state.x, state.y, paddle, bricks, brick, action)
    return after, broken.astype(float), low & ~above & ~ahead


def observe(state: State) -> Bool[Array, "10 10 4"]:
    """A picture in four channels: paddle, ball, trail (the ball a step ago) and bricks."""
    row, column = jnp.arange(SIZE)[:, None], jnp.arange(SIZE)[None]
    dot = lambda x, y: (row == y) & (column == x)
    bricks = jnp.pad(state.bricks, ((TOP, SIZE - TOP - ROWS), (0, 0)))
    channels = dot(state.paddle, SIZE - 1), dot(state.x, state.y), dot(state.last_x, state.last_y), bricks
    return jnp.stack(channels, -1)


def breakout(sticky: float = 0.1) -> Environment:
    """MinAtar's game with the three actions that do something, cut off after 1000 steps.

    sticky: the probability with which the last action is carried out again in place of the one chosen; without it, the
    side on which the ball starts is all that differs between two games. Raises ConfigError where it is no probability.
    """
    within("breakout", 0, 1, sticky=sticky)

    def step(key, state, action):
        chosen = jnp.asarray(action, jnp.int32)
        return move(state, jnp.where(jax.random.bernoulli(key, sticky), state.last_action, chosen))

    return Environment(reset, step, observe, Discrete(3), HORIZON)
