"""Monte-Carlo control with exploring starts: the mean return after each action, and the policy that follows the best.

Notes    RL & DL notebook U1
Book     Sutton & Barto 2018, §5.3
Systems  rl.mc_control_es
Idea     from a random pair (s, a):  Q(s, a) <- mean return after its first visits;  pi(s) <- argmax_a Q(s, a)     (1)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.method import Agent, Key
from jaxicon.envs.path import Path, first_visits, walk
from jaxicon.envs.tabular import MDP, check, greedy_value
from jaxicon.ops.exploration import draw, greedy
from jaxicon.ops.returns import discounted_returns


@dataclass(frozen=True)
class Config:
    horizon: int = 100  # moves after which an episode is cut off; what it would have earned then is what Q says


class State(NamedTuple):
    q: Float[Array, "s a"]
    visits: Int[Array, "s a"]  # first ones in an episode


def learn(discount: float, state: State, path: Path) -> State:
    """(1): a pair is met first at most once in an episode, so that all of it can be learned from at once."""
    pair = path.state[:-1], path.action
    first = first_visits(path, pair[0] * state.q.shape[1] + pair[1])
    whole = jnp.zeros(first.shape, bool)
    returns = discounted_returns(path.reward, whole, discount, state.q[path.state[-1]].max())
    visits = state.visits.at[pair].add(first)
    step = jnp.where(first, (returns - state.q[pair]) / jnp.maximum(visits[pair], 1), 0)
    return State(state.q.at[pair].add(step), visits)


def mc_control(config: Config, mdp: MDP) -> Agent:
    """One step is one episode of the greedy policy in a simulation of `mdp`, after a first action that is any.

    Every pair of a state that is not the end and an action is equally likely to begin: without that, an action that
    looks bad is never tried again. evaluate: `value` is the exact value of the greedy policy at the MDP's own start.
    """
    positive("mc_control", horizon=config.horizon)
    alive = jnp.asarray(~check(mdp).terminal, float)

    def init(key: Key, batch: None) -> State:
        return State(jnp.zeros(mdp.reward.shape), jnp.zeros(mdp.reward.shape, jnp.int32))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        state_key, action_key, play_key = jax.random.split(key, 3)
        first = draw(state_key, alive), jax.random.randint(action_key, (), 0, mdp.reward.shape[1])
        path = walk(play_key, mdp, jax.vmap(greedy)(state.q), config.horizon, first)
        after = learn(mdp.discount, state, path)
        return after, {"change": jnp.abs(after.q - state.q).max(), "length": path.length}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"value": mdp.start @ greedy_value(mdp, state.q)}

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, greedy(state.q[obs]))

    return Agent(init, step, evaluate, act)
