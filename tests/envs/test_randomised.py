"""Worlds with poles of different lengths, against Gymnasium with the same poles."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.envs.cartpole import State, cartpole
from jaxicon.envs.environment import vectorised
from jaxicon.envs.randomised import randomised


def poles():
    return randomised(cartpole, lambda key: jax.random.uniform(key, minval=0.2, maxval=2.0))


@pytest.mark.system("rl.real_sim2real")
@pytest.mark.parametrize("half_length", [0.25, 1.7])
def test_a_pole_of_another_length_falls_as_in_gymnasium(half_length, x64):
    oracle = gymnasium.make("CartPole-v1").unwrapped
    oracle.reset(seed=0)
    oracle.length, oracle.polemass_length = half_length, half_length * oracle.masspole
    state, step = State(*map(jnp.asarray, oracle.state)), jax.jit(cartpole(half_length).step)
    for action in (0, 1, 1, 0, 1, 1, 1, 0):
        state, _, _ = step(jax.random.key(0), state, jnp.int32(action))
        oracle.step(action)
        np.testing.assert_allclose(jnp.stack(state), oracle.state, rtol=1e-9)


@pytest.mark.system("rl.real_sim2real")
def test_every_episode_has_a_pole_of_its_own_from_its_first_to_its_last_step(key):
    """32 copies that always push to the left: the pole changes exactly where an episode ends."""
    envs = vectorised(poles(), 32)
    running, step, ends = envs.reset(jax.random.clone(key)), jax.jit(envs.step), 0
    lengths, unused = [np.asarray(running.state[0])], jax.random.key(1)
    assert len(np.unique(lengths[0])) == 32
    for t in range(40):
        before = running.state
        running, seen = step(jax.random.fold_in(key, t), running, jnp.zeros(32, int))
        over = np.asarray(seen.terminal)
        np.testing.assert_array_equal(np.asarray(before[0]) != np.asarray(running.state[0]), over)
        alone = jax.vmap(lambda half, state: cartpole(half).step(unused, state, jnp.int32(0))[0])(*before)
        np.testing.assert_allclose(seen.next_obs, jnp.stack(alone, -1), rtol=1e-5)
        lengths.append(np.asarray(running.state[0]))
        ends += over.sum()
    assert ends > 50
    assert np.min(lengths) > 0.2
    assert np.max(lengths) < 2
    np.testing.assert_allclose(np.unique(lengths).mean(), 1.1, atol=0.15)
