"""A model says what playing would show: of tables exactly, by trial as often as it happens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.cartpole import State, cartpole
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.outcomes import by_trial, of_tables
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.tabular import environment


def test_outcomes_of_tables_are_the_rows_of_the_tables(x64, key):
    mdp, features = frozen_lake(), np.random.default_rng(0).normal(size=(16, 3))
    after = of_tables(mdp, features)(key, jnp.int32(14))
    np.testing.assert_array_equal(after.probability, mdp.transition[14])
    np.testing.assert_array_equal(after.reward, np.repeat(mdp.reward[14][:, None], 16, 1))
    np.testing.assert_array_equal(after.terminal, np.repeat(mdp.terminal[None], 4, 0))
    np.testing.assert_array_equal(after.obs[2], features)


def test_trials_come_as_often_as_the_tables_say(key):
    mdp, draws = frozen_lake(), 3000
    after = jax.jit(by_trial(environment(mdp, 100), draws))(key, jnp.int32(14))
    np.testing.assert_allclose(after.probability.sum(1), 1, rtol=1e-5)
    counts = np.stack([np.bincount(row, minlength=16) for row in np.asarray(after.obs)])
    np.testing.assert_allclose(counts / draws, mdp.transition[14], atol=5 * (0.25 / draws) ** 0.5)
    np.testing.assert_array_equal(after.terminal, mdp.terminal[np.asarray(after.obs)])
    np.testing.assert_allclose(after.reward, np.repeat(mdp.reward[14][:, None], draws, 1), rtol=1e-6)


def test_where_nothing_is_left_to_chance_one_trial_is_the_model(x64, key):
    env, state = cartpole(), State(*jnp.array([2.3, 3.0, 0.1, -1.0]))
    after = by_trial(env)(key, state)
    for action in range(2):
        wanted, reward, terminal = env.step(jax.random.key(1), state, jnp.int32(action))
        np.testing.assert_allclose(after.obs[action, 0], jnp.stack(wanted), rtol=1e-12)
        assert (after.reward[action, 0], after.terminal[action, 0]) == (reward, terminal)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="discrete"):
        by_trial(pendulum())
    with pytest.raises(ConfigError, match="draws"):
        by_trial(cartpole(), 0)
    with pytest.raises(ConfigError, match="features"):
        of_tables(frozen_lake(), np.zeros((15, 3)))
