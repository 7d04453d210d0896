import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.envs.environment import vectorised
from jaxicon.envs.pendulum import State, pendulum


@pytest.mark.parametrize("seed", range(3))
def test_moves_as_gymnasium_does(x64, seed):
    """Torques up to twice what the motor has, speeds up to the limit, angles of several turns."""
    envs, oracle = vectorised(pendulum(), 1), gymnasium.make("Pendulum-v1")
    running, step = envs.reset(jax.random.key(seed)), jax.jit(envs.step)
    oracle.reset(seed=0)
    random = np.random.default_rng(seed)
    running = running._replace(state=State(jnp.array([7.0 * seed - 5]), jnp.array([7.9])))
    oracle.unwrapped.state = np.concatenate(running.state)
    for t in range(200):
        action = random.uniform(-4, 4, 1)
        obs, reward, terminated, truncated, _ = oracle.step(action)
        running, seen = step(jax.random.key(t), running, jnp.asarray(action[None]))
        np.testing.assert_allclose(seen.reward[0], reward, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(seen.next_obs[0], obs, rtol=1e-6, atol=1e-6)  # Gymnasium shows float32
        assert (seen.terminal[0], seen.truncated[0]) == (terminated, truncated)
        if not truncated:
            np.testing.assert_allclose(np.concatenate(running.state), oracle.unwrapped.state, rtol=1e-9, atol=1e-9)
    assert truncated


def test_starts_are_uniform_one_by_one_and_all_at_once(key):
    env = pendulum()
    each = jax.vmap(env.reset)(jax.random.split(jax.random.fold_in(key, 1), 4000))
    for states in (env.starts(key, 4000), each):
        assert stats.kstest(states.theta, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3
        assert stats.kstest(states.spin, stats.uniform(-1, 2).cdf).pvalue > 1e-3
