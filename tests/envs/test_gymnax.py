import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import Box, Discrete, vectorised
from jaxicon.envs.gymnax import from_gymnax, names


def balance(obs, wild: bool):
    """A linear controller that holds the pole for the whole episode, or one that lets the cart run away."""
    return int(obs @ np.array([-1.0, -1.0, 3.0, 1.0] if wild else [0.1, 0.3, 3.0, 1.0]) > 0)


@pytest.mark.system("rl.cartpole")
@pytest.mark.system("rl.vectorised_env_api")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wild", [False, True])
def test_cartpole_moves_as_gymnasium_does(x64, seed, wild):
    envs, oracle = vectorised(from_gymnax("CartPole-v1"), 1), gymnasium.make("CartPole-v1")
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


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'CartPole-v1'"):
        from_gymnax("Cartpole-v0")
