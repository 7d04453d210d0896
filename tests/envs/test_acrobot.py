import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.envs.acrobot import State, acrobot
from jaxicon.envs.environment import vectorised


def pump(spins, random, wild: bool):
    """A push with the elbow's motion swings the arm up; random pushes leave it hanging."""
    return int(spins[1] > 0) * 2 if wild else int(random.integers(3))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("wild", [False, True])
def test_moves_as_gymnasium_does(x64, seed, wild):
    """From the same state at every step, for a double pendulum forgets nothing of a rounding error."""
    envs, oracle = vectorised(acrobot(), 1), gymnasium.make("Acrobot-v1")
    running, step = envs.reset(jax.random.key(seed)), jax.jit(envs.step)
    oracle.reset(seed=0)
    random = np.random.default_rng(seed)
    for t in range(500):
        oracle.unwrapped.state = np.concatenate(running.state)
        action = pump(oracle.unwrapped.state[2:], random, wild)
        obs, reward, terminated, truncated, _ = oracle.step(action)
        running, seen = step(jax.random.key(t), running, jnp.array([action]))
        np.testing.assert_allclose(seen.next_obs[0], obs, rtol=1e-6, atol=1e-6)  # Gymnasium shows float32
        assert (seen.reward[0], seen.terminal[0]) == (reward, terminated)
        assert seen.truncated[0] == (truncated and not terminated)
        if terminated or truncated:
            break
        np.testing.assert_allclose(np.concatenate(running.state), oracle.unwrapped.state, rtol=1e-12, atol=1e-12)
    assert terminated == wild
    assert truncated != wild
    assert running.last_score[0] == (-t if wild else -500)


@pytest.mark.parametrize("action", range(3))
def test_fast_and_upside_down_it_moves_as_gymnasium_does(x64, action):
    """Spins at and beyond what is allowed, angles on both sides of pi: 200 states."""
    oracle = gymnasium.make("Acrobot-v1").unwrapped
    random = np.random.default_rng(action)
    states = random.uniform(-1, 1, (200, 4)) * [np.pi, np.pi, 4 * np.pi, 9 * np.pi]
    keys = jax.random.split(jax.random.key(0), 200)
    step = jax.jit(jax.vmap(acrobot().step, (0, 0, None)))
    after, _, terminal = step(keys, State(*jnp.asarray(states).T), jnp.int32(action))
    for i, state in enumerate(states):
        oracle.state = state
        assert oracle.step(action)[2] == terminal[i]
        near = np.stack(after)[:, i] - oracle.state
        near[:2] = (near[:2] + np.pi) % (2 * np.pi) - np.pi
        np.testing.assert_allclose(near, 0, atol=1e-9)
    assert 20 < terminal.sum() < 180
    assert (np.abs(after.elbow_spin) == 9 * np.pi).any()


def test_starts_are_uniform_one_by_one_and_all_at_once(key):
    env = acrobot()
    each = jax.vmap(env.reset)(jax.random.split(jax.random.fold_in(key, 1), 4000))
    for states in (env.starts(key, 4000), each):
        assert all(stats.kstest(row, stats.uniform(-0.1, 0.2).cdf).pvalue > 1e-3 for row in np.stack(states))
