"""LinUCB: of every article a ridge regression on the visitor, and the one that may be best is shown.

Notes    RL & DL notebook U2, part e, where recommendation is only named
Paper    Li, Chu, Langford & Schapire 2010, WWW, arXiv:1003.0146, algorithm 1 (disjoint models)
Systems  rl.app_recommender
Idea     theta_a = A_a^-1 b_a,  A_a = ridge I + sum x x',  b_a = sum r x, over the visits a was shown at        (1)
         show argmax_a x' theta_a + width sqrt(x' A_a^-1 x)                                                  (2)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.method import Agent, Key
from jaxicon.envs.recommendation import Audience
from jaxicon.ops.exploration import Rule, draw, greedy


@dataclass(frozen=True)
class Config:
    width: float = 1.0  # alpha
    ridge: float = 1.0


class State(NamedTuple):
    rates: Float[Array, "g a"]  # hidden from the agent
    inverse: Float[Array, "a d d"]  # of A
    b: Float[Array, "a d"]
    visits: Int[Array, "a"]
    regret: Float[Array, ""]  # expected clicks lost so far


def everything(visitor: Float[Array, "g"]) -> Float[Array, "g"]:
    """What is seen of a visitor, if nothing is hidden."""
    return visitor


def estimates(state: State, x: Float[Array, "d"]) -> tuple[Float[Array, "a"], Float[Array, "a"]]:
    """x' theta and sqrt(x' A^-1 x) of every article."""
    reach = state.inverse @ x
    return (reach * state.b).sum(-1), jnp.sqrt(reach @ x)


def learnt(state: State, article: Int[Array, ""], x: Float[Array, "d"], click: Float[Array, ""]) -> State:
    """(1), the inverse by the formula of Sherman & Morrison."""
    reach = state.inverse[article] @ x
    inverse = state.inverse.at[article].add(-jnp.outer(reach, reach) / (1 + reach @ x))
    b, visits = state.b.at[article].add(click * x), state.visits.at[article].add(1)
    return state._replace(inverse=inverse, b=b, visits=visits)


def lin_ucb(config: Config, audience: Audience, rule: Rule | None = None, sees: Callable = everything) -> Agent:
    """One step is one visit. A rule chooses by its own means between the estimates x' theta instead of by (2).

    sees(visitor) -> x; what sees a constant 1 is a bandit without contexts. The observation is x.
    evaluate: `regret`, the expected clicks that were lost against whoever knows the rates.
    Raises ConfigError for a ridge that is not positive.
    """
    positive("lin_ucb", ridge=config.ridge)

    def init(key: Key, batch: None) -> State:
        rates = audience.rates(key)
        size, articles = jax.eval_shape(sees, rates[:, 0]).shape[0], rates.shape[1]
        inverse = jnp.broadcast_to(jnp.eye(size) / config.ridge, (articles, size, size))
        nothing = jnp.zeros(articles, jnp.int32)
        return State(rates, inverse, jnp.zeros((articles, size)), nothing, jnp.zeros(()))

    def preference(state: State, x: Float[Array, "d"]) -> Float[Array, "a"]:
        mean, width = estimates(state, x)
        if rule is not None:
            return rule.probabilities(mean, state.visits, state.visits.sum())
        return greedy(mean + config.width * width)  # (2)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        visit_key, act_key, click_key = jax.random.split(key, 3)
        visitor = audience.visitor(visit_key)
        x = sees(visitor)
        article = draw(act_key, preference(state, x))
        click = audience.click(click_key, state.rates, visitor, article)
        wanted = visitor @ state.rates
        regret = wanted.max() - wanted[article]
        after = learnt(state, article, x, click)._replace(regret=state.regret + regret)
        return after, {"regret": regret, "clicks": click}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"regret": state.regret}

    def act(key: Key, state: State, obs: Float[Array, "d"]) -> Int[Array, ""]:
        return draw(key, greedy(estimates(state, obs)[0]))

    return Agent(init, step, evaluate, act)
