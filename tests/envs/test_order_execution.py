"""Against the quadratic programme that Almgren and Chriss solve in closed form."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import episode
from jaxicon.envs.order_execution import Market, kept, order_execution, utility

MARKETS = (Market(), Market(trades=10, aversion=3.0), Market(shares=2.0, days=1.0, trades=4, aversion=0.0))


def by_hand(market: Market, course: np.ndarray) -> float:
    """Expected cost by equations 4 to 8 of the paper, term by term, and the variance of equation 9."""
    tau, cost, variance = market.days / market.trades, 0.0, 0.0
    for before, after in pairwise(course):
        sold = before - after
        cost += after * market.gamma * sold + sold * (market.epsilon + market.eta * sold / tau)
        variance += market.sigma**2 * tau * after**2
    return cost + market.aversion * variance


@pytest.mark.system("rl.app_trading")
@pytest.mark.parametrize("market", MARKETS)
def test_the_closed_form_is_the_least_of_all_courses(market):
    course = kept(market)
    inside = lambda x: utility(market, np.concatenate([[market.shares], x, [0.0]]))
    found = minimize(inside, np.zeros(market.trades - 1), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(course[1:-1], found.x, atol=1e-6)
    np.testing.assert_allclose(utility(market, course), by_hand(market, course), rtol=1e-12)
    np.testing.assert_allclose((course[0], course[-1]), (market.shares, 0), atol=1e-12)
    if market.aversion == 0:
        np.testing.assert_allclose(np.diff(course), -market.shares / market.trades)
    else:
        assert (np.diff(-course, 2) < 0).all()  # who fears to wait sells most at first


@pytest.mark.system("rl.app_trading")
@pytest.mark.parametrize("market", MARKETS[:2])
def test_the_expected_return_of_a_course_is_minus_its_utility(market, x64, key):
    """Played from its observations; without noise exactly, with it in the mean and with the variance of the paper."""
    course = kept(market)
    share = jnp.asarray(1 - course[1:] / course[:-1])
    policy = lambda key, obs: share[jnp.round((1 - obs[1]) * market.trades).astype(int)][None]
    play = lambda market: lambda key: episode(key, order_execution(market), policy).reward.sum()
    keys = jax.random.split(key, 20_000)
    returns = np.asarray(jax.jit(jax.vmap(play(market)))(keys))
    tau = market.days / market.trades
    risk = market.sigma**2 * tau * (course[1:] ** 2).sum()
    np.testing.assert_allclose(returns.mean(), -utility(market, course), atol=5 * (risk / 20_000) ** 0.5)
    np.testing.assert_allclose(returns.var(), risk, rtol=0.05)
    still = market._replace(sigma=0.0)
    np.testing.assert_allclose(play(still)(jax.random.key(1)), -utility(still, course), rtol=1e-12)


def test_the_last_trade_sells_everything_and_no_more_than_is_left_is_sold():
    env = order_execution(Market(trades=3))
    state, terminal, left = env.reset(jax.random.key(0)), False, []
    for action in (0.25, 7.0, 0.0):
        state, _, terminal = env.step(jax.random.key(1), state, jnp.array([action]))
        left.append(float(state.left))
    assert left == [0.75, 0.0, 0.0]
    assert terminal
    state, _, terminal = env.step(jax.random.key(1), env.reset(jax.random.key(0)), jnp.array([0.0]))
    assert not terminal
    np.testing.assert_allclose(env.observe(state), [1, 2 / 3])


def test_a_market_in_which_selling_at_once_is_cheapest_has_no_course():
    with pytest.raises(ConfigError, match="expected more than gamma tau / 2"):
        kept(Market(gamma=10.0))
    with pytest.raises(ConfigError, match="days is 0"):
        order_execution(Market(days=0.0))
