"""A bandit: one state, several arms, and every pull is either for knowledge or for gain.

Notes    RL & DL notebook U1
Book     Sutton & Barto 2018, §2.4 to §2.6
Systems  rl.bandit
Idea     Q(a) <- Q(a) + alpha (r - Q(a)),  alpha = 1 / N(a) for the sample average, constant where arms drift      (1)
         regret = sum_t max_a mean(a) - mean(a_t)                                                                 (2)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.bandit import Testbed
from jaxicon.ops.exploration import Rule, draw, greedy


@dataclass(frozen=True)
class Config:
    step_size: float = 1.0  # alpha = step_size / n^power at the n-th pull of an arm
    power: float = 1.0  # 1 for the sample average, 0 for a constant alpha


class State(NamedTuple):
    means: Float[Array, "a"]  # hidden from the agent
    values: Float[Array, "a"]
    visits: Int[Array, "a"]
    regret: Float[Array, ""]  # (2), so far
    optimal: Int[Array, ""]  # pulls of the best arm, so far


def bandit(config: Config, testbed: Testbed, rule: Rule) -> Agent:
    """One step is one pull; every key has a bandit of its own, drawn from the testbed. The observation is None.

    step: `regret` of this pull, `optimal` whether it was the best arm, `reward`. evaluate: `regret` of all pulls and
    `optimal`, the share of the best arm among them.
    """

    def init(key: Key, batch: None) -> State:
        means = testbed.draw(key)
        values = jnp.full(means.shape, rule.initial)
        return State(means, values, jnp.zeros(means.shape, jnp.int32), jnp.zeros(()), jnp.int32(0))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        act_key, pull_key, drift_key = jax.random.split(key, 3)
        action = draw(act_key, rule.probabilities(state.values, state.visits, state.visits.sum()))
        reward = testbed.pull(pull_key, state.means[action])
        visits = state.visits.at[action].add(1)
        alpha = config.step_size / visits[action] ** config.power
        values = state.values.at[action].add(alpha * (reward - state.values[action]))  # (1)
        regret = state.means.max() - state.means[action]
        best = regret <= 0
        means = testbed.drift(drift_key, state.means)
        after = State(means, values, visits, state.regret + regret, state.optimal + best)
        return after, {"regret": regret, "optimal": best.astype(float), "reward": reward}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"regret": state.regret, "optimal": state.optimal / jnp.maximum(state.visits.sum(), 1)}

    def act(key: Key, state: State, obs: None) -> Int[Array, ""]:
        return draw(key, greedy(state.values))

    return Agent(init, step, evaluate, act)
