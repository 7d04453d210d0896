import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import Box, Discrete
from jaxicon.envs.gymnax import from_gymnax, names


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
