from functools import partial

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.envs.environment import Discrete, vectorised
from jaxicon.envs.mountain_car import GOAL, LEFT, State, mountain_car, mountain_car_continuous


@partial(jax.jit, static_argnames=("make", "steps"))
def played(make, steps: int, weight, constant, size):
    """Transitions [steps] with the actions size * sign(weight * velocity + constant), from one start to the next."""
    env = make()
    envs = vectorised(env, 1)

    def move(running, t):
        push = size * jnp.sign(weight * envs.observe(running)[:, 1] + constant)
        action = push.astype(int) + 1 if isinstance(env.actions, Discrete) else push[:, None]
        return envs.step(jax.random.fold_in(jax.random.key(1), t), running, action)

    seen = jax.lax.scan(move, envs.reset(jax.random.key(0)), jnp.arange(steps))[1]
    return jax.tree.map(lambda x: x[:, 0], seen)


def follow(name: str, make, weight: float, constant: float, size: float = 1.0, steps: int = 210):
    """Gymnasium from the same state at every step (it rounds some to float32); the first episode of the two."""
    seen = jax.tree.map(np.asarray, played(make, steps, weight, constant, size))
    oracle = gymnasium.make(name)
    oracle.reset(seed=0)
    for t in range(steps):
        oracle.unwrapped.state = seen.obs[t]
        _, reward, terminated, truncated, _ = oracle.step(seen.action[t])
        np.testing.assert_allclose(seen.next_obs[t], oracle.unwrapped.state, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(seen.reward[t], reward, rtol=1e-12, atol=1e-12)
        assert (seen.terminal[t], seen.truncated[t]) == (terminated, truncated and not terminated)
        if terminated or truncated:
            break
    assert -0.6 <= seen.obs[t + 1, 0] < -0.4  # the next episode has begun
    assert seen.obs[t + 1, 1] == 0
    return jax.tree.map(lambda x: x[: t + 1], seen)


@pytest.mark.system("rl.mountaincar")
def test_moves_as_gymnasium_does(x64):
    """With its velocity the car is driven up; without drive, and always to the right, it never gets there."""
    up = follow("MountainCar-v0", mountain_car, 1.0, 1e-9)
    assert 100 < len(up.obs) < 200
    assert up.terminal[-1]
    for constant in (0.0, 1.0, -1.0):
        away = follow("MountainCar-v0", mountain_car, 0.0, constant)
        assert len(away.obs) == 200
        assert away.truncated[-1]
        assert not away.terminal[-1]


@pytest.mark.system("rl.mountaincar")
def test_the_throttle_moves_as_gymnasium_does(x64):
    """Also beyond what the motor has: it pushes no more for it, but every bit is paid for."""
    name, make = "MountainCarContinuous-v0", mountain_car_continuous
    for size in (0.7, 3.0):
        up = follow(name, make, 1.0, 1e-9, size, 1010)
        assert up.terminal[-1]
        np.testing.assert_allclose(up.reward.sum(), 100 - 0.1 * size**2 * len(up.obs), rtol=1e-9)
    idle = follow(name, make, 0.0, 0.0, 1.0, 1010)
    assert len(idle.obs) == 999
    assert idle.truncated[-1]


def test_the_left_wall_stops_the_car_and_speed_and_track_end(x64, key):
    """From states that no episode need reach: against Gymnasium, which then rests at the wall, at 0.07 or at 0.6."""
    oracle = gymnasium.make("MountainCar-v0").unwrapped
    oracle.reset(seed=0)
    step = jax.jit(mountain_car().step)
    at_wall, fastest, at_end = (-1.19, -0.05, 0, LEFT, 0.0), (-1.0, 0.07, 2, None, 0.07), (0.59, 0.06, 2, 0.6, None)
    for x, velocity, action, *shows in (at_wall, fastest, at_end):
        oracle.state = np.array([x, velocity])
        _, _, over, _, _ = oracle.step(action)
        after, _, there = step(key, State(jnp.array(x), jnp.array(velocity)), jnp.array(action))
        np.testing.assert_allclose(after, oracle.state, rtol=1e-12, atol=1e-15)
        assert there == over
        assert all(wanted in (None, float(got)) for wanted, got in zip(shows, after, strict=True))


def test_rolling_back_through_the_goal_is_not_arriving(x64, key):
    step = jax.jit(mountain_car().step)
    for velocity, there in ((-0.01, False), (0.01, True)):
        assert step(key, State(jnp.array(GOAL + 0.05), jnp.array(velocity)), jnp.array(2))[2] == there


def test_starts_are_uniform_and_at_rest_one_by_one_and_all_at_once(key):
    env = mountain_car()
    each = jax.vmap(env.reset)(jax.random.split(jax.random.fold_in(key, 1), 2000))
    for states in (env.starts(key, 2000), each):
        assert stats.kstest(states.x, stats.uniform(-0.6, 0.2).cdf).pvalue > 1e-3
        assert not np.any(states.velocity)
