import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Box, Discrete, mean_return
from jaxicon.envs.gymnax import from_gymnax, names
from jaxicon.rl_policy.ppo import Config, ppo


@pytest.mark.parametrize("name", names())
def test_every_environment_keeps_the_type_of_its_state(name):
    env = from_gymnax(name)
    kind = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)
    state = jax.eval_shape(env.reset, jax.random.key(0))
    shape = () if isinstance(env.actions, Discrete) else env.actions.low.shape
    action = jax.ShapeDtypeStruct(shape, jnp.int32 if isinstance(env.actions, Discrete) else jnp.float32)
    after, reward, terminal = jax.eval_shape(env.step, jax.random.key(0), state, action)
    assert kind(after) == kind(state)
    assert kind((reward, terminal)) == kind((jnp.zeros(()), jnp.array(False)))
    assert env.horizon > 0


def test_continuous_actions_take_the_dtype_of_the_state(x64):
    env = from_gymnax("Pendulum-v1")
    assert isinstance(env.actions, Box)
    np.testing.assert_array_equal(env.actions.high, [2.0])
    state = jax.jit(env.reset)(jax.random.key(0))
    after, reward, _ = jax.jit(env.step)(jax.random.key(1), state, jnp.array([0.5], jnp.float32))
    oracle = gymnasium.make("Pendulum-v1")
    oracle.reset(seed=0)
    oracle.unwrapped.state = np.array([state[0].theta, state[0].theta_dot])
    _, wanted, *_ = oracle.step(np.array([0.5]))
    np.testing.assert_allclose(reward, wanted, rtol=1e-6)
    np.testing.assert_allclose([after[0].theta, after[0].theta_dot], oracle.unwrapped.state, rtol=1e-5)


@pytest.mark.system("rl.locomotion")
def test_the_reacher_turns_its_joints_by_torques_and_is_paid_by_the_distance_of_its_hand(x64):
    """In NumPy: speeds, then angles, by steps of 0.05 s, both angles from the same axis; an action [0.3, -1] for 20."""
    env = from_gymnax("Reacher-misc")
    state = jax.jit(env.reset)(jax.random.key(0))
    angles, speeds, goal = (np.asarray(x) for x in (state[0].angles, state[0].angle_vels, state[0].goal_xy))
    step = jax.jit(env.step)
    for _ in range(20):
        state, reward, terminal = step(jax.random.key(1), state, jnp.array([0.3, -1.0]))
        speeds = speeds + 0.05 * np.array([0.3, -1.0])
        angles = angles + 0.05 * speeds
        hand = np.array([np.cos(angles).sum(), np.sin(angles).sum()])
        np.testing.assert_allclose(reward, np.exp(-((hand - goal) ** 2).sum()), rtol=1e-5)
        seen = np.concatenate([np.cos(angles), np.sin(angles), speeds, goal])
        np.testing.assert_allclose(env.observe(state), seen, rtol=1e-5, atol=1e-6)
        assert not terminal


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'CartPole-v1'"):
        from_gymnax("Cartpole-v0")


@pytest.mark.slow
@pytest.mark.system("rl.lab3_rl")
def test_pong_is_played_from_its_pixels_and_better_than_by_chance(key):
    pixels = from_gymnax("Pong-misc")
    env = pixels._replace(observe=lambda state: pixels.observe(state).ravel())
    anything = lambda key, obs: jax.random.randint(key, (), 0, env.actions.count)
    chance = jax.jit(lambda key: mean_return(key, env, anything, 100))(jax.random.clone(key))
    method = ppo(Config(updates=30, envs=16, steps=64, learning_rate=2e-3, reward_scale=0.1, episodes=1), env)
    state, _ = train(jax.random.split(key, 1), method, nothing, 30)
    assert state.world.last_score.mean() > 2 * chance
    assert 60 < chance < 110
