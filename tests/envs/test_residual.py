"""An agent that says nothing plays as the controller does, to the last bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, Environment, episode
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.residual import residual

DAMPING = lambda obs: -1.5 * obs[2:]


@pytest.mark.system("rl.real_hybrid_control")
def test_nothing_added_is_the_controller(key):
    env = pendulum()
    alone = episode(jax.random.clone(key), env, lambda key, obs: DAMPING(obs))
    silent = episode(key, residual(env, DAMPING), lambda key, obs: jnp.zeros(1))
    np.testing.assert_array_equal(silent.reward, alone.reward)
    assert silent.reward.sum() < -100


@pytest.mark.system("rl.real_hybrid_control")
@pytest.mark.parametrize(("wish", "played"), [(0.4, 2.9), (5.0, 3.5), (-0.75, 1.75), (-9.0, 1.5)])
def test_what_is_learned_is_added_within_its_reach_and_the_sum_within_the_bounds(wish, played):
    """In a box from -1 to 3.5 with a controller that says 2.5: a share of 4/9 reaches one unit, the box ends at 3.5."""
    box = Box(np.array([-1.0]), np.array([3.5]))
    env = Environment(
        lambda key: jnp.zeros(()), lambda key, s, a: (a[0], a[0], jnp.array(False)), jnp.atleast_1d, box, 5
    )
    mixed = residual(env, lambda obs: jnp.array([2.5]), share=4 / 9)
    np.testing.assert_allclose(mixed.actions, [[-1], [1]])
    np.testing.assert_allclose(mixed.step(jax.random.key(0), jnp.zeros(()), jnp.array([wish]))[1], played)


def test_what_has_no_bounds_is_refused():
    with pytest.raises(ConfigError, match="bounded box"):
        residual(cartpole(), DAMPING)
    with pytest.raises(ConfigError, match="bounded box"):
        residual(pendulum()._replace(actions=Box(np.array([-np.inf]), np.array([1.0]))), DAMPING)
    with pytest.raises(ConfigError, match="share is 0"):
        residual(pendulum(), DAMPING, share=0.0)
