"""Move by move against games of MinAtar, kept in golden/minatar.npz, and against gymnax."""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.breakout import SIZE, breakout, move, observe, reset
from jaxicon.envs.environment import episode, vectorised
from jaxicon.envs.gymnax import from_gymnax

GOLDEN = Path(__file__).parents[1] / "golden" / "minatar.npz"
FREE = breakout(sticky=0.0)


@cache
def golden() -> dict[str, np.ndarray]:
    games = dict(np.load(GOLDEN))
    shape = (*games["action"].shape, SIZE, SIZE, 4)
    return games | {"picture": np.unpackbits(games["picture"], count=int(np.prod(shape))).reshape(shape).astype(bool)}


def start(right: bool):
    """The first state with the ball on that side."""
    for seed in range(20):
        state = reset(jax.random.key(seed))
        if (state.x > 0) == right:
            return state
    raise AssertionError("never there")


@jax.jit
def played(state, actions):
    """(picture, reward, terminal) after every action."""

    def advance(state, action):
        state, reward, terminal = move(state, action)
        return state, (observe(state), reward, terminal)

    return jax.lax.scan(advance, state, actions)[1]


@pytest.mark.system("rl.breakout")
def test_every_move_is_that_of_minatar(x64):
    """Games of up to 700 steps and 58 bricks, so with new rows in between; over past the paddle, hit on either side."""
    games = golden()
    for game, actions in enumerate(games["action"]):
        state = start(games["right"][game])
        np.testing.assert_array_equal(observe(state), games["first"][game])
        got = played(state, jnp.asarray(actions, jnp.int32))
        steps = int(games["over"][game].argmax()) + 1 if games["over"][game].any() else len(actions)
        for name, mine in zip(("picture", "reward", "over"), got, strict=True):
            np.testing.assert_array_equal(mine[:steps], games[name][game, :steps], err_msg=f"game {game}: {name}")
    assert games["reward"].sum(1).max() > 30  # more than there were at first


@pytest.mark.system("rl.breakout")
def test_every_move_is_that_of_gymnax():
    """From random states that the golden games need not hold: any bricks, any place and direction of the ball."""
    game, rng = from_gymnax("Breakout-MinAtar"), np.random.default_rng(0)
    n = 1000
    whole = lambda x: jnp.broadcast_to(x, (n, *x.shape))
    theirs, _ = jax.tree.map(whole, jax.jit(game.reset)(jax.random.key(0)))
    direction, bricks = rng.integers(0, 4, n), rng.uniform(size=(n, 3, 10)) < rng.uniform(size=(n, 1, 1)) ** 2
    x, y, paddle, action = rng.integers(0, 10, n), rng.integers(0, 9, n), rng.integers(0, 10, n), rng.integers(0, 3, n)
    struck = rng.uniform(size=n) < 0.3
    rows = np.pad(bricks, ((0, 0), (1, 6), (0, 0))).astype(np.float32)
    theirs = theirs.replace(
        ball_x=x, ball_y=y, ball_dir=direction, pos=paddle, brick_map=rows, strike=struck, last_x=x, last_y=y
    )
    theirs = jax.tree.map(jnp.asarray, theirs)
    mine = jax.tree.map(whole, start(False))._replace(
        x=x, y=y, dx=np.array([-1, 1, 1, -1])[direction], dy=np.array([-1, -1, 1, 1])[direction],
        last_x=x, last_y=y, paddle=paddle, bricks=bricks, struck=struck,
    )  # fmt: skip
    mine = jax.tree.map(jnp.asarray, mine)
    keys = jax.random.split(jax.random.key(1), n)
    (state, seen), wanted, over = jax.jit(jax.vmap(game.step))(keys, (theirs, jnp.zeros((n, 10, 10, 4))), action)
    after, reward, terminal = jax.jit(jax.vmap(move))(mine, jnp.asarray(action, jnp.int32))
    np.testing.assert_array_equal(jax.jit(jax.vmap(observe))(after), np.asarray(seen).astype(bool))
    np.testing.assert_array_equal(reward, wanted)
    np.testing.assert_array_equal(terminal, over)
    np.testing.assert_array_equal(after.struck, state.strike)
    np.testing.assert_array_equal(after.dx, np.array([-1, 1, 1, -1])[state.ball_dir])
    np.testing.assert_array_equal(after.dy, np.array([-1, -1, 1, 1])[state.ball_dir])
    assert 0 < over.sum() < n / 2
    assert wanted.sum() > 10


@pytest.mark.system("rl.breakout")
def test_the_ball_starts_on_either_side_and_actions_stick_as_often_as_asked(key):
    states = jax.jit(jax.vmap(reset))(jax.random.split(jax.random.fold_in(key, 0), 2000))
    assert abs((states.x == 9).mean() - 0.5) < 0.05
    after, *_ = jax.vmap(breakout(0.25).step, (0, None, None))(
        jax.random.split(jax.random.fold_in(key, 1), 2000), start(False)._replace(last_action=jnp.int32(2)), 1
    )
    moved = np.asarray(after.paddle) - 4
    assert abs((moved == 1).mean() - 0.25) < 0.05
    assert (np.abs(moved) == 1).all()
    np.testing.assert_array_equal(after.last_action, np.where(moved == 1, 2, 1))  # what was done sticks


@pytest.mark.system("rl.breakout")
def test_who_follows_the_ball_plays_on_and_is_cut_off(key):
    """84 in 1000 steps, on either side; that is not the end of the game, which an agent must be told."""

    def follow(key, obs):
        ball, paddle = obs[..., 1].any(0).argmax(), obs[9, :, 0].argmax()
        return jnp.where(ball > paddle, 2, jnp.where(ball < paddle, 1, 0))

    keys = jax.random.split(key, 4)
    score = jax.jit(jax.vmap(lambda key: episode(key, FREE, follow).reward.sum()))(keys)
    np.testing.assert_array_equal(score, 84)
    envs = vectorised(FREE._replace(horizon=3), 1)
    running = envs.reset(jax.random.key(1))
    for t in range(3):
        running, seen = envs.step(jax.random.key(2), running, jnp.zeros(1, int))
        assert (bool(seen.truncated[0]), bool(seen.terminal[0])) == (t == 2, False)


def test_a_probability_above_one_is_refused():
    with pytest.raises(ConfigError, match="sticky"):
        breakout(1.5)
