"""Against plain NumPy: exact Q-iteration on a table, targets row by row, whatever policy the data are from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.envs.environment import Discrete, Transition
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.regression import least_squares
from jaxicon.rl_value.fitted_q_iteration import Config, fitted_q_iteration

STATES, ACTIONS = 5, 3


def example():
    data, _ = in_quarters()
    return fitted_q_iteration(Config(0.9), Discrete(ACTIONS), least_squares(ACTIONS)), epochs(data, 32)


def in_quarters(times=lambda s, a: 1) -> tuple[Transition, tuple]:
    """Four transitions of every pair, which is where chance leads in a random model, the pair `times` over.

    Returns the data and (transition, reward, terminal); the last state ends an episode. Some rows are cut off.
    """
    rng = np.random.default_rng(0)
    goes = rng.integers(0, STATES, (STATES - 1, ACTIONS, 4))
    reward = rng.normal(size=(STATES - 1, ACTIONS))
    rows = [
        (s, a, reward[s, a], after, after == STATES - 1)
        for s, a in np.ndindex(STATES - 1, ACTIONS)
        for after in [*goes[s, a]] * times(s, a)
    ]
    s, a, r, after, over = map(np.array, zip(*rows, strict=True))
    cut = ~over & (rng.uniform(size=len(s)) < 0.3)
    transition = np.stack([(goes == state).mean(-1) for state in range(STATES)], -1)
    return Transition(np.eye(STATES)[s], a, r, over, cut, np.eye(STATES)[after]), (transition, reward)


@pytest.mark.system("rl.fitted_q_iteration")
@pytest.mark.parametrize("times", [lambda s, a: 1, lambda s, a: 1 + 6 * (a == s % ACTIONS)], ids=["even", "biased"])
def test_one_feature_per_state_is_exact_q_iteration_whoever_played(x64, key, times):
    """After every step; a policy that prefers one action in each state shows the same model."""
    data, (transition, reward) = in_quarters(times)
    method = fitted_q_iteration(Config(0.9), Discrete(ACTIONS), least_squares(ACTIONS, 1e-13))
    stream = epochs(data, len(data.action))
    best, count = np.zeros((STATES, ACTIONS)), 0
    for steps in (1, 2, 7, 150):
        while count < steps:
            best[:-1] = reward + 0.9 * transition @ best.max(1)
            count += 1
        q, history = train(jax.random.clone(key), method, stream, steps, chunk=150)
        np.testing.assert_allclose(q, best, atol=1e-9)
    assert history["bellman_error"][-1] > 0.01  # noise of single transitions, which stays
    np.testing.assert_array_equal(method.act(jax.random.key(1), q, jnp.eye(STATES))[:-1], best[:-1].argmax(1))


@pytest.mark.system("rl.fitted_q_iteration")
def test_targets_and_fit_are_those_of_a_plain_loop(x64, key):
    """Random features and rewards; terminal rows lose their bootstrap, cut off ones do not, and the action that counts
    is the one taken, not the best."""
    rng, n = np.random.default_rng(1), 60
    terminal = rng.uniform(size=n) < 0.3
    cut = ~terminal & (rng.uniform(size=n) < 0.5)
    columns = rng.normal(size=(n, 4)), rng.integers(0, 2, n), rng.normal(size=n), terminal, cut, rng.normal(size=(n, 4))
    data = Transition(*map(jnp.asarray, columns))
    method = fitted_q_iteration(Config(0.7), Discrete(2), least_squares(2, 0.0))
    weights = rng.normal(size=(4, 2))
    after, metrics = jax.jit(method.step)(key, jnp.asarray(weights), data)
    targets = [
        float(r) + (0.0 if over else 0.7 * max(float(x @ weights[:, a]) for a in range(2)))
        for r, over, x in zip(data.reward, terminal, columns[-1], strict=True)
    ]
    for a in range(2):
        rows = columns[1] == a
        wanted = np.linalg.lstsq(columns[0][rows], np.array(targets)[rows], rcond=None)[0]
        np.testing.assert_allclose(after[:, a], wanted, rtol=1e-9)
    errors = [t - float(x @ weights[:, a]) for t, x, a in zip(targets, columns[0], columns[1], strict=True)]
    np.testing.assert_allclose(metrics["bellman_error"], np.mean(np.square(errors)) ** 0.5, rtol=1e-12)
    np.testing.assert_allclose(metrics["q"], np.mean(targets) - np.mean(errors), rtol=1e-9)


@pytest.mark.system("rl.fitted_q_iteration")
def test_the_time_limit_probe_has_its_values(x64, key):
    """Its rows by hand: the first state leads on, in the second one stays, cut off or not, or leaves for good."""
    probe, eye = probes()["time_limit"], np.eye(3)
    rows = [(0, 0, 0, 1, 0), (0, 0, 0, 1, 1), (1, 0, 1, 1, 0), (1, 0, 1, 1, 1), (1, 1, 1, 2, 0), (0, 1, 0, 1, 0)]
    s, a, reward, after, cut = map(np.array, zip(*rows, strict=True))
    data = Transition(eye[s], a, reward.astype(float), after == 2, cut == 1, eye[after])
    method = fitted_q_iteration(Config(DISCOUNT), Discrete(2), least_squares(2, 1e-12))
    q, _ = train(key, method, epochs(data, 6), 60, chunk=60)
    np.testing.assert_allclose(q[:2], probe.values[:2], atol=1e-8)


def test_a_discount_above_one_is_refused():
    with pytest.raises(ConfigError, match="discount"):
        fitted_q_iteration(Config(1.01), Discrete(2), least_squares(2))
