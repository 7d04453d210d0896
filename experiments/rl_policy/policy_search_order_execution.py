"""Selling a million shares in five trades: a network found by CMA-ES, beside the closed form of Almgren & Chriss.

`excess` is the utility of the learned course above the least there is, as a share of it: exact, since the course does
not depend on the price. Selling all at once costs twice the least, an equal part every day 37 % more.

Run      python -m experiments rl_policy/policy_search_order_execution
Expect   excess <= 0.01 in 10 of 10 seeds
Tour     excess in [0, 0.05]
Cost     10 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.envs.environment import Environment, episode
from jaxicon.envs.order_execution import Market, kept, order_execution, utility
from jaxicon.rl_policy.policy_search import Config, policy_search


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(8,), population=32, rated=64, std=0.5)
    steps: int = 150
    aversion: float = 1.0


def course(method, market: Market, state: State) -> jax.Array:
    """The shares that are kept, by the learned policy in a market without noise."""
    env: Environment = order_execution(market._replace(sigma=0.0))
    played = episode(jax.random.key(0), env, lambda key, obs: method.act(key, state, obs))
    return jnp.append(played.state.left, 0.0)


def build(experiment: Experiment) -> Task:
    market = Market(aversion=experiment.aversion)
    method, least = policy_search(experiment.method, order_execution(market)), utility(market, kept(market))

    def measure(key: Key, state: State) -> Metrics:
        return {"excess": utility(market, course(method, market, state)) / least - 1}

    return Task(method, experiment.steps, measure=measure, chunk=10)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    market, method = Market(aversion=result.experiment.aversion), result.task.method
    days = np.linspace(0, market.days, market.trades + 1)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for i, left in enumerate(np.asarray(jax.vmap(lambda state: course(method, market, state))(result.state))):
        axes.plot(days, left, color="#2980b9", alpha=0.4, label="learned, every seed" if i == 0 else None)
    axes.plot(days, kept(market), "k--", lw=2, label="Almgren & Chriss")
    axes.plot(days, market.shares * (1 - days / market.days), color="#7f8c8d", ls=":", label="an equal part every day")
    axes.set_xlabel("days", fontsize=12)
    axes.set_ylabel("shares kept (millions)", fontsize=12)
    axes.legend(fontsize=11)
    return {"The course of the sale": figure}
