"""Order execution: to sell many shares without moving the price more than one must, nor waiting longer than one dares.

Notes    RL & DL notebook U2, applications: trading (named only)
Paper    Almgren & Chriss 2000, Journal of Risk 3, equations 1 to 20 and table 1
Systems  rl.app_trading
Idea     to sell n of the shares and keep x costs  epsilon n + eta n^2 / tau + gamma x n + x sigma sqrt(tau) noise   (1)
         E cost + aversion Var cost  is least where  x_k = X sinh(kappa (T - t_k)) / sinh(kappa T) shares are kept  (2)
         cosh(kappa tau) = 1 + tau^2 aversion sigma^2 / (2 (eta - gamma tau / 2))                         (3)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Environment


class Market(NamedTuple):
    """The example of the paper, in millions of shares and of dollars."""

    shares: float = 1.0  # of the order
    days: float = 5.0
    trades: int = 5
    sigma: float = 0.95  # deviation of the price in a day, $ a share
    eta: float = 2.5  # temporary impact, $ a share for a million shares a day
    gamma: float = 0.25  # permanent impact, $ a share for a million shares
    epsilon: float = 0.0625  # half the spread, $ a share
    aversion: float = 1.0  # to the variance of the cost


class State(NamedTuple):
    left: Float[Array, ""]  # shares that are not yet sold
    trade: Int[Array, ""]  # the number of the next one


def kept(market: Market) -> Float[np.ndarray, "k"]:
    """(2): the shares that are left before every trade and after the last. Raises ConfigError where the permanent
    impact makes it cheapest to sell at once, eta <= gamma tau / 2."""
    tau = market.days / market.trades
    temporary = market.eta - market.gamma * tau / 2
    if temporary <= 0:
        raise ConfigError(f"kept: eta is {market.eta}; expected more than gamma tau / 2 = {market.gamma * tau / 2}")
    kappa = np.arccosh(1 + tau**2 * market.aversion * market.sigma**2 / (2 * temporary)) / tau
    left = market.days - tau * np.arange(market.trades + 1)
    course = np.sinh(kappa * left) / np.sinh(kappa * market.days) if kappa > 0 else left / market.days
    return market.shares * course


def utility(market: Market, course: Float[np.ndarray | Array, "k"]) -> Float[np.ndarray | Array, ""] | float:
    """E cost + aversion Var cost, in millions of dollars, of keeping `course` shares."""
    tau, sold, after = market.days / market.trades, course[:-1] - course[1:], course[1:]
    cost = market.epsilon * sold + market.eta * sold**2 / tau + market.gamma * after * sold
    return (cost + market.aversion * market.sigma**2 * tau * after**2).sum()


def order_execution(market: Market = Market()) -> Environment:
    """An action is the share of what is left that is sold now, from 0 to 1; the last trade sells everything.

    The reward is minus the cost (1) of a trade and minus aversion times the variance that it leaves open, so that the
    expected return of a course that does not look at the price is minus its utility. Observed: the part that is left
    of the order and of the time. Raises ConfigError for numbers that are not positive.
    """
    positive("order_execution", shares=market.shares, days=market.days, trades=market.trades, eta=market.eta)
    tau = market.days / market.trades

    def reset(key: Key) -> State:
        return State(jnp.full((), market.shares), jnp.int32(0))

    def step(key: Key, state: State, action: Float[Array, "1"]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
        last = state.trade + 1 == market.trades
        sold = jnp.where(last, 1.0, jnp.clip(action[0], 0, 1)) * state.left
        after = state.left - sold
        noise = market.sigma * tau**0.5 * jax.random.normal(key, dtype=after.dtype)
        cost = market.epsilon * sold + market.eta * sold**2 / tau + after * (market.gamma * sold + noise)
        risk = market.aversion * market.sigma**2 * tau * after**2
        return State(after, state.trade + 1), -cost - risk, last

    def observe(state: State) -> Float[Array, "2"]:
        return jnp.stack([state.left / market.shares, 1 - state.trade / market.trades])

    return Environment(reset, step, observe, Box(np.zeros(1), np.ones(1)), market.trades)
