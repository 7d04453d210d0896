import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import vectorised


def balance(obs, wild: bool):
    """A linear controller that holds the pole for the whole episode, or one that lets the cart run away."""
    return int(obs @ np.array([-1.0, -1.0, 3.0, 1.0] if wild else [0.1, 0.3, 3.0, 1.0]) > 0)


@pytest.mark.slow
@pytest.mark.system("rl.cartpole")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wild", [False, True])
def test_moves_as_gymnasium_does(x64, seed, wild):
    envs, oracle = vectorised(cartpole(), 1), gymnasium.make("CartPole-v1")
    running, step = envs.reset(jax.random.key(seed)), jax.jit(envs.step)
    oracle.reset(seed=0)
    for t in range(500):  # from the same state at every step: the pole doubles a rounding error every ten steps
        oracle.unwrapped.state = np.asarray(envs.observe(running)[0])
        action = balance(oracle.unwrapped.state, wild)
        _, reward, terminated, truncated, _ = oracle.step(action)
        running, seen = step(jax.random.key(t), running, jnp.array([action]))
        np.testing.assert_allclose(seen.next_obs[0], oracle.unwrapped.state, rtol=1e-12, atol=1e-12)
        assert (seen.reward[0], seen.terminal[0]) == (reward, terminated)
        assert seen.truncated[0] == (truncated and not terminated)
        if terminated or truncated:
            break
    assert truncated != wild
    assert (t == 499) != wild
    assert running.last_score[0] == t + 1
    assert np.abs(envs.observe(running)).max() < 0.05  # the next episode has begun


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("place", ["x", "theta"])
def test_is_over_beyond_the_track_and_beyond_the_steepest_angle(direction, place):
    """A float32 ulp inside and outside the bounds, at rest: Gymnasium's, which are 2.4 m and 12 degrees."""
    oracle = gymnasium.make("CartPole-v1").unwrapped
    bound = {"x": oracle.x_threshold, "theta": oracle.theta_threshold_radians}[place]
    env, key = cartpole(), jax.random.key(0)
    rest = env.reset(jax.random.clone(key))._replace(velocity=0.0, spin=0.0)  # a step moves by the velocity before it
    over = lambda value: env.step(key, jax.tree.map(jnp.float32, rest._replace(**{place: value})), jnp.int32(1))[2]
    assert not over(direction * bound * (1 - 1e-6))
    assert over(direction * bound * (1 + 1e-6))


def test_starts_are_uniform_one_by_one_and_all_at_once(key):
    env = cartpole()
    each = jax.vmap(env.reset)(jax.random.split(jax.random.fold_in(key, 1), 4000))
    for states in (env.starts(jax.random.fold_in(key, 2), 4000), each, vectorised(env, 4000).reset(key).state):
        obs = np.stack(states)
        assert all(stats.kstest(row, stats.uniform(-0.05, 0.1).cdf).pvalue > 1e-3 for row in obs)
        assert np.abs(np.corrcoef(obs) - np.eye(4)).max() < 5 / 4000**0.5
