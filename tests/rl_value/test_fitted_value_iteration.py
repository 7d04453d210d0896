"""Against plain NumPy: value iteration on a table, least squares on features, and the rate of a divergence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.outcomes import by_trial, of_tables
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import MDP, environment
from jaxicon.nn.mlp import mlp
from jaxicon.nn.regression import descent, least_squares
from jaxicon.rl_value.fitted_value_iteration import Config, fitted_value_iteration


def with_features(mdp: MDP, features: np.ndarray, regression, horizon: int = 20):
    """(method, stream) on all states at every step."""
    env = environment(mdp, horizon)._replace(observe=lambda state: jnp.asarray(features, float)[state])
    method = fitted_value_iteration(Config(mdp.discount, 8), env, of_tables(mdp, features), regression)
    return method, epochs(np.arange(len(features)), len(features))


def example():
    return with_features(frozen_lake(), np.eye(16), least_squares(1))


def by_hand(mdp: MDP, features: np.ndarray, steps: int) -> np.ndarray:
    """Values after so many backups and fits."""
    value = np.zeros(len(features))
    for _ in range(steps):
        target = np.zeros(len(features))
        for s in range(len(features)):
            ahead = []
            for a in range(mdp.reward.shape[1]):
                follow = sum(mdp.transition[s, a, t] * value[t] for t in np.flatnonzero(~mdp.terminal))
                ahead.append(mdp.reward[s, a] + mdp.discount * follow)
            target[s] = max(ahead)
        value = features @ np.linalg.lstsq(features, target, rcond=None)[0]
    return value


@pytest.mark.system("rl.fitted_value_iteration")
@pytest.mark.parametrize("kind", ["table", "features"])
def test_every_step_is_that_of_a_plain_loop(x64, key, kind):
    """On a table the fit changes nothing: that is value iteration. Eight random features average over states."""
    mdp = frozen_lake(discount=0.9)
    features = np.eye(16) if kind == "table" else np.random.default_rng(0).normal(size=(16, 8))
    method, stream = with_features(mdp, features, least_squares(1, 0.0))
    state = None
    for steps in (1, 4, 5):
        state, history = train(jax.random.clone(key), method, stream, steps, chunk=5)
        np.testing.assert_allclose(features @ state[:, 0], by_hand(mdp, features, steps), atol=1e-12)
    before = by_hand(mdp, features, 4)
    if kind == "table":
        error = by_hand(mdp, features, 5) - before
        np.testing.assert_allclose(history["residual"][-1], (error**2).mean() ** 0.5, rtol=1e-9)


def two_states(discount: float) -> MDP:
    """Tsitsiklis and Van Roy's: from both to the second, for nothing."""
    return MDP(np.array([[[0.0, 1]], [[0.0, 1]]]), np.zeros((2, 1)), discount, np.zeros(2, bool), np.array([1.0, 0]))


@pytest.mark.system("rl.fitted_value_iteration")
@pytest.mark.parametrize("discount", [0.8, 0.9])
def test_two_states_diverge_above_a_discount_of_five_sixths(x64, key, discount):
    """V = w and 2 w: the best fit to (2 discount w, 2 discount w) is 6/5 discount w, though all values are 0."""
    method, stream = with_features(two_states(discount), np.array([[1.0], [2.0]]), least_squares(1, 0.0))
    state, _ = train(key, method, stream, 20, state=jnp.ones((1, 1)), chunk=20)
    np.testing.assert_allclose(state[0, 0], (1.2 * discount) ** 20, rtol=1e-10)
    table, stream = with_features(two_states(discount), np.eye(2), least_squares(1, 0.0))
    state, _ = train(jax.random.key(1), table, stream, 20, state=jnp.ones((2, 1)), chunk=20)
    np.testing.assert_allclose(state, discount**20, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.system("rl.fitted_value_iteration")
def test_a_network_finds_the_values_of_a_task_that_is_cut_off_and_acts_on_them(key):
    """Staying is worth its rewards for ever, though episodes are cut off after three steps; leaving pays once."""
    probe = probes()["time_limit"]
    env = probe.environment()
    method = fitted_value_iteration(Config(DISCOUNT, 8), env, by_trial(env), descent(mlp(16, 1), 1e-2, 20))
    state, _ = train(key, method, epochs(np.arange(2), 2), 60, chunk=60)
    features = jnp.asarray(probe.features, float)[:2]
    np.testing.assert_allclose(mlp(16, 1).apply(state[0], features)[:, 0], probe.values[:2].max(1), atol=0.01)
    assert method.act(jax.random.key(1), state, jnp.int32(1)) == 0
    measured = jax.jit(method.evaluate)(jax.random.key(2), state, jnp.arange(2))
    assert measured["return"] == 2  # of three steps, the first pays nothing
    assert measured["residual"] < 0.01


def test_what_cannot_be_is_refused():
    env = probes()["both"].environment()
    for config in (Config(1.1), Config(episodes=0)):
        with pytest.raises(ConfigError):
            fitted_value_iteration(config, env, by_trial(env), least_squares(1))
