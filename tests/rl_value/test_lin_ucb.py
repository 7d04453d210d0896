from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.recommendation import audience
from jaxicon.ops.exploration import constant, ucb
from jaxicon.rl_value.lin_ucb import Config, estimates, everything, learnt, lin_ucb

SYSTEM = pytest.mark.system("rl.app_recommender")
PEOPLE = audience()


def nobody(visitor):
    return jnp.ones(1)


def example():
    return lin_ucb(Config(), audience(3, 4)), nothing


@SYSTEM
def test_the_models_are_ridge_regressions(x64, key):
    """On the visits each article was shown at, by numpy.linalg.lstsq with rows sqrt(ridge) I."""
    method = lin_ucb(Config(ridge=0.7), audience(4, 3))
    state = fresh(key, method)
    random, shown = np.random.default_rng(0), []
    add = jax.jit(learnt)
    for _ in range(60):
        x, article, click = random.dirichlet(np.ones(4)), int(random.integers(3)), float(random.integers(2))
        shown.append((article, x, click))
        state = add(state, jnp.int32(article), jnp.array(x), jnp.array(click))
    probe = random.dirichlet(np.ones(4))
    mean, width = estimates(state, jnp.array(probe))
    for a in range(3):
        rows = np.array([x for article, x, _ in shown if article == a])
        clicks = np.array([click for article, _, click in shown if article == a])
        padded = np.concatenate([rows, np.sqrt(0.7) * np.eye(4)])
        theta = np.linalg.lstsq(padded, np.concatenate([clicks, np.zeros(4)]))[0]
        np.testing.assert_allclose(state.inverse[a] @ state.b[a], theta, rtol=1e-8)
        np.testing.assert_allclose(mean[a], probe @ theta, rtol=1e-8)
        np.testing.assert_allclose(width[a] ** 2, probe @ np.linalg.solve(padded.T @ padded, probe), rtol=1e-8)
        assert state.visits[a] == len(rows)


@SYSTEM
def test_it_shows_what_may_be_best_and_counts_what_was_lost(x64, key):
    method = lin_ucb(Config(width=0.9), audience(3, 4))
    state, step, regret = fresh(jax.random.clone(key), method), jax.jit(method.step), 0.0
    for t in range(80):
        now = jax.random.fold_in(key, t)
        visitor = np.asarray(audience(3, 4).visitor(jax.random.split(jax.random.clone(now), 3)[0]))
        inverse, b, before = np.asarray(state.inverse), np.asarray(state.b), np.asarray(state.visits)
        bounds = [visitor @ inverse[a] @ b[a] + 0.9 * np.sqrt(visitor @ inverse[a] @ visitor) for a in range(4)]
        state, _ = step(now, state, None)
        article = int((np.asarray(state.visits) - before).argmax())
        assert bounds[article] >= max(bounds) - 1e-12
        wanted = visitor @ np.asarray(state.rates)
        regret += wanted.max() - wanted[article]
    np.testing.assert_allclose(evaluate(key, method, state, nothing, 1)["regret"], regret, rtol=1e-9)


@cache
def curve(name: str, visits: int = 2400) -> np.ndarray:
    """Regret so far, a mean over 12 audiences [visits]."""
    rule, sees = {
        "lin_ucb": (None, everything),
        "epsilon": (constant(0.1), everything),
        "blind": (ucb(0.7), nobody),
    }[name]
    method = lin_ucb(Config(), PEOPLE, rule, sees)
    _, history = train(jax.random.split(jax.random.key(4), 12), method, nothing, visits, chunk=visits)
    return history["regret"].mean(0).cumsum()


@pytest.mark.slow
@SYSTEM
def test_its_regret_grows_more_slowly_than_time_and_than_that_of_others():
    t = np.arange(1, 2401)
    late = t >= 600
    exponent = np.polyfit(np.log(t[late]), np.log(curve("lin_ucb")[late]), 1)[0]
    assert 0.2 < exponent < 0.6, exponent
    again = {name: curve(name)[-1] / curve(name)[1199] - 1 for name in ("lin_ucb", "blind")}  # lost in the second half
    assert again["lin_ucb"] < 0.5, again
    assert again["blind"] > 0.7, again  # the best article is another for every visitor
    last = {name: curve(name)[-1] for name in ("lin_ucb", "epsilon", "blind")}
    assert last["lin_ucb"] < 0.8 * last["epsilon"] < 0.6 * last["blind"], last


def test_act_shows_the_best_estimate(key):
    method = lin_ucb(Config(width=100.0), audience(2, 3))
    state = fresh(jax.random.clone(key), method)
    state = state._replace(b=jnp.array([[0.1, 0.0], [0.3, 0.0], [0.0, 9.0]]))
    assert method.act(key, state, jnp.array([1.0, 0.0])) == 1
    with pytest.raises(ConfigError, match="ridge is 0"):
        lin_ucb(Config(ridge=0.0), PEOPLE)
