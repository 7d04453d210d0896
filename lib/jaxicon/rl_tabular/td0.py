"""TD(0): the value of a policy from play, each state drawn towards the reward and the value of the state after it.

Notes    RL & DL notebook U1; deep-learning cookbook, Temporal-Difference (TD) Learning
Paper    Sutton 1988, Machine Learning 3
Book     Sutton & Barto 2018, §6.1 to §6.3
Systems  rl.td0
Idea     V(s) <- V(s) + alpha (r + discount V(s') - V(s))                                        (1)
Erratum  The cookbook writes the target without the discount.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Key, Learner
from jaxicon.envs.path import Path, check_policy, walk
from jaxicon.envs.tabular import MDP
from jaxicon.ops.returns import policy_value


@dataclass(frozen=True)
class Config:
    step_size: float = 0.1  # alpha = step_size / n^power at the n-th visit of s: power 0 keeps it, 1 makes a mean
    power: float = 0.0
    initial: float = 0.0  # value of every state that is not the end
    horizon: int = 100  # moves after which an episode is cut off


class State(NamedTuple):
    value: Float[Array, "s"]
    visits: Int[Array, "s"]


def next_value(path: Path, discount: float) -> Callable:
    """(values, t) -> what the state at t should be worth: the target in (1)."""
    return lambda value, t: path.reward[t] + discount * value[path.state[t + 1]]


def every_visit(path: Path) -> Bool[Array, "t"]:
    """The moves that something is learned from: all of them."""
    return jnp.ones(path.reward.shape, bool)


def learn(config: Config, path: Path, target: Callable, counted: Bool[Array, "t"], state: State) -> State:
    """From the beginning of the path to its end, one state after the other, each move with what the last one taught."""

    def visit(t, state):
        s, counts = path.state[t], counted[t]
        visits = state.visits.at[s].add(counts)
        alpha = jnp.where(counts, config.step_size / jnp.maximum(visits[s], 1) ** config.power, 0)
        return State(state.value.at[s].add(alpha * (target(state.value, t) - state.value[s])), visits)  # (1)

    return jax.lax.fori_loop(0, path.length, visit, state)


def td0(
    config: Config,
    mdp: MDP,
    policy: Float[Array | np.ndarray, "s a"],
    target: Callable = next_value,
    counted: Callable = every_visit,
) -> Learner:
    """One step is one episode of the policy, played in a simulation of `mdp`, and what it teaches.

    target(path, discount) -> ((values, t) -> target) and counted(path) -> [t] make other methods of the same kind.
    evaluate: `error`, the root mean square over the states of value - V^pi, and `value` at the start.
    Raises ConfigError for an ill-formed MDP, policy or configuration.
    """
    positive("td0", step_size=config.step_size, horizon=config.horizon)
    within("td0", 0, 1, power=config.power)
    alive = ~check_policy(mdp, policy).terminal

    def init(key: Key, batch: None) -> State:
        return State(jnp.where(alive, config.initial, 0.0), jnp.zeros(alive.size, jnp.int32))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        path = walk(key, mdp, policy, config.horizon)
        after = learn(config, path, target(path, mdp.discount), counted(path), state)
        return after, {"change": jnp.abs(after.value - state.value).max(), "length": path.length}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        true = policy_value(mdp.transition, mdp.reward, mdp.discount, jnp.asarray(policy, float))
        square = ((state.value - true) ** 2).sum() / alive.sum()
        return {"error": jnp.sqrt(square), "value": mdp.start @ state.value}

    return Learner(init, step, evaluate)
