from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import root
from scipy.special import softmax

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import vectorised
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.matrix_game import MatrixGame, matrix_games
from jaxicon.envs.tabular import environment
from jaxicon.rl_tabular.independent_q_learning import Config, independent_q_learning

SYSTEM = pytest.mark.system("rl.multi_agent_named")
ROUNDS, END = 10_000, 0.1 + 1 / (1 + 10_000 / 300)  # the temperature that is left
SKEWED = MatrixGame(np.array([[1.0, -0.5], [-0.5, 0.25]]), -np.array([[1.0, -0.5], [-0.5, 0.25]]))


def example():
    return independent_q_learning(Config(), matrix_games()["hunt"]), nothing


@cache
def learnt(name: str, rounds: int = ROUNDS) -> tuple[np.ndarray, np.ndarray]:
    """Policies [seed, player, action] and gaps [seed] of 30 runs."""
    game = SKEWED if name == "skewed" else matrix_games()[name]
    method, keys = independent_q_learning(Config(), game), jax.random.split(jax.random.key(2), 30)
    state, _ = train(jax.random.clone(keys), method, nothing, rounds, chunk=rounds)
    return softmax(np.asarray(state.values) / END, axis=-1), evaluate(keys, method, state, nothing, 1)["gap"]


@SYSTEM
def test_values_are_those_of_a_plain_loop(x64, key):
    game = MatrixGame(*np.random.default_rng(0).normal(size=(2, 3, 3)))
    method = independent_q_learning(Config(0.3, 0.2, 50.0, 0.3, 0.7), game)
    state, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    values, clipped = np.asarray(state.values), 0
    for t in range(100):
        state, metrics = step(jax.random.fold_in(key, t), state, None)
        a, b = np.argwhere(game.row == float(metrics["reward_row"]))[0]  # all its entries differ
        rewards = game.row[a, b], game.column[a, b]
        assert metrics["reward_column"] == rewards[1]
        following = values.copy()
        for i, action in enumerate((a, b)):
            rate = 0.3 / (t + 1) ** 0.7 / softmax(values[i] / (0.3 + 0.2 / (1 + t / 50)))[action]
            clipped += rate > 1
            following[i, action] += min(1.0, rate) * (rewards[i] - values[i, action])
        np.testing.assert_allclose(state.values, following, rtol=1e-9)
        values = np.asarray(state.values)
    assert 0 < clipped < 100


@SYSTEM
@pytest.mark.parametrize(("name", "equilibria"), [("dilemma", {(1, 1)}), ("hunt", {(0, 0), (1, 1)})])
def test_players_end_in_a_pure_equilibrium(name, equilibria):
    policies, gap = learnt(name)
    assert {tuple(pair.argmax(-1).tolist()) for pair in policies} <= equilibria
    assert (policies.max(-1) > 0.8).all()
    assert (gap < 0.12).all(), gap


@SYSTEM
@pytest.mark.parametrize("name", ["rock_paper_scissors", "skewed"])
def test_where_only_a_mixed_equilibrium_is_they_end_in_the_smooth_one(name):
    """The fixed point of both smooth best replies, by SciPy; in the symmetric game it is the equilibrium itself."""
    game = SKEWED if name == "skewed" else matrix_games()[name]
    size = len(game.row)

    def residual(x):
        row, column = x.reshape(2, size)
        return np.concatenate([softmax(game.row @ column / END) - row, softmax(row @ game.column / END) - column])

    fixed = root(residual, np.full(2 * size, 1 / size), tol=1e-12).x.reshape(2, size)
    assert np.abs(residual(fixed.ravel())).max() < 1e-9
    if name == "skewed":
        assert np.abs(fixed - 1 / size).max() > 0.05
    policies, gap = learnt(name)
    np.testing.assert_allclose(policies.mean(0), fixed, atol=0.03)
    assert policies.std(0).max() < 0.08
    assert (gap < 0.4).all()


@pytest.mark.slow
@SYSTEM
@pytest.mark.parametrize(
    "env", [environment(frozen_lake(), 8), cartpole()._replace(horizon=20, starts=None)], ids=["ice", "pole"]
)
def test_parallel_copies_are_the_serial_ones_of_the_same_keys(env, key):
    """40 steps with ends, cuts and resets, each copy again on its own."""
    n, envs = 3, vectorised(env, 3)
    reset_keys = jax.random.split(jax.random.clone(key), n)
    running, times = envs.reset(jax.random.clone(key)), [0] * n
    starts, one, step = jax.jit(env.reset), jax.jit(env.step), jax.jit(envs.step)
    states = [starts(k) for k in reset_keys]
    ends = 0
    for t in range(40):
        now = jax.random.fold_in(key, t)
        step_key, reset_key = jax.random.split(jax.random.clone(now))
        action = jnp.array([t % 2, t // 2 % 2, (t * t) % 2])
        running, seen = step(now, running, action)
        keys, resets = jax.random.split(step_key, n), jax.random.split(reset_key, n)
        for i in range(n):
            states[i], reward, terminal = one(keys[i], states[i], action[i])
            times[i] += 1
            cut = not terminal and times[i] >= env.horizon
            np.testing.assert_allclose(seen.next_obs[i], env.observe(states[i]), rtol=1e-6)
            assert (seen.reward[i], seen.terminal[i], seen.truncated[i]) == (reward, terminal, cut)
            if terminal or cut:
                states[i], times[i], ends = starts(resets[i]), 0, ends + 1
    assert ends > 5


def test_act_plays_for_either_player(key):
    method = independent_q_learning(Config(), matrix_games()["dilemma"])
    state = fresh(jax.random.clone(key), method)._replace(values=jnp.array([[9.0, 0.0], [0.0, 9.0]]))
    keys = jax.random.split(key, 2)
    assert [int(method.act(k, state, jnp.int32(i))) for i, k in enumerate(keys)] == [0, 1]


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="temperature is 0"):
        independent_q_learning(Config(temperature=0.0), matrix_games()["hunt"])
    with pytest.raises(ConfigError, match="as many rows as columns"):
        independent_q_learning(Config(), MatrixGame(np.ones((2, 3)), np.ones((2, 3))))
