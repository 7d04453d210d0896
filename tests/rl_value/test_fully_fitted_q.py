"""Against the exact values of the model, where the data hold all of it, and of the model that the data make."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Environment
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.tabular import MDP, environment
from jaxicon.nn.regression import least_squares
from jaxicon.rl_value.fully_fitted_q import Config, collected, fully_fitted_q

SMALL = Config(0.9, envs=64, moves=60, episodes=8)


def one_hot(mdp: MDP, horizon: int = 12) -> Environment:
    return environment(mdp, horizon)._replace(observe=lambda state: jax.nn.one_hot(state, len(mdp.reward)))


def example():
    return fully_fitted_q(SMALL, one_hot(frozen_lake(discount=0.9)), least_squares(4)), nothing


@cache
def learned(slippery: bool):
    """(state, model) after 200 steps on the random play of some lake, in float64."""
    mdp = frozen_lake(slippery=slippery, discount=0.9)
    method = fully_fitted_q(SMALL, one_hot(mdp), least_squares(4, 1e-12))
    state, _ = train(jax.random.key(0), method, nothing, 200, chunk=200)
    return state, mdp, method


def optimal(transition: np.ndarray, reward: np.ndarray, terminal: np.ndarray) -> np.ndarray:
    """Action values after 500 backups: within 0.9^500 of the optimum."""
    q = np.zeros(reward.shape)
    for _ in range(500):
        q = reward + 0.9 * transition @ np.where(terminal, 0, q.max(1))
    return q


@pytest.mark.system("rl.fully_fitted_q")
def test_data_that_cover_a_deterministic_model_give_its_optimal_values(x64):
    state, mdp, _ = learned(False)
    data = jax.tree.map(np.asarray, state.data)
    pairs = set(zip(data.obs.argmax(1), data.action, strict=True))
    assert pairs == {(s, a) for s in np.flatnonzero(~mdp.terminal) for a in range(4)}
    assert data.truncated.sum() > 10  # which must not count as the end
    wanted = optimal(mdp.transition, mdp.reward, mdp.terminal)
    np.testing.assert_allclose(state.fit[~mdp.terminal], wanted[~mdp.terminal], atol=1e-9)


@pytest.mark.system("rl.fully_fitted_q")
def test_on_slippery_ice_the_values_are_those_of_the_model_that_the_data_make(x64):
    state, mdp, _ = learned(True)
    count, total = np.zeros((16, 4, 16)), np.zeros((16, 4))
    data = jax.tree.map(np.asarray, state.data)
    for s, a, r, after in zip(data.obs.argmax(1), data.action, data.reward, data.next_obs.argmax(1), strict=True):
        count[s, a, after] += 1
        total[s, a] += r
    times = np.maximum(count.sum(-1), 1)
    wanted = optimal(count / times[..., None], total / times, mdp.terminal)
    np.testing.assert_allclose(state.fit, wanted, atol=1e-9)
    true = optimal(mdp.transition, mdp.reward, mdp.terminal)
    assert np.abs(wanted - true).max() > 0.01  # 3840 moves are few


@pytest.mark.system("rl.fully_fitted_q")
def test_the_greedy_policy_crosses_the_ice(x64, key):
    state, _, method = learned(False)
    measured = method.evaluate(key, state, None)
    assert measured["return"] == 1
    assert measured["bellman_error"] < 1e-9


def test_the_data_are_those_of_the_policy_that_is_given(key):
    play = lambda key, obs: jnp.where(obs[0] == 1, 1, 3)  # down from the start, and up wherever else one is
    method = fully_fitted_q(SMALL, one_hot(frozen_lake()), least_squares(4), play)
    data = jax.jit(method.init)(key, None).data
    np.testing.assert_array_equal(data.action, np.where(data.obs[:, 0] == 1, 1, 3))


def test_any_policy_may_collect_and_the_rows_are_moves_of_the_game(key):
    mdp = frozen_lake(slippery=False)
    data = collected(key, environment(mdp, 5), lambda key, obs: 2 * (obs % 2), envs=3, moves=12)
    np.testing.assert_array_equal(data.action, 2 * (data.obs % 2))
    np.testing.assert_array_equal(mdp.transition[data.obs, data.action, data.next_obs], 1)
    np.testing.assert_array_equal(data.terminal, mdp.terminal[np.asarray(data.next_obs)])
    cut = np.asarray(data.truncated).reshape(12, 3)
    assert cut[4::5].all()  # to and fro before the first wall: never over, cut off after every fifth move
    assert cut.sum() == 6


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="discrete"):
        fully_fitted_q(SMALL, pendulum(), least_squares(1))
    with pytest.raises(ConfigError, match="moves"):
        fully_fitted_q(Config(moves=0), one_hot(frozen_lake()), least_squares(4))
    with pytest.raises(ConfigError, match="discount"):
        fully_fitted_q(Config(discount=2.0), one_hot(frozen_lake()), least_squares(4))
