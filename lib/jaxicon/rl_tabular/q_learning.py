"""Q-learning: the optimal action values of an unknown model, from play, whatever policy plays.

Notes    RL & DL notebook U1; CS182 §7.6.1; deep-learning cookbook, Q-learning
Paper    Watkins & Dayan 1992, Machine Learning 8; step sizes: Even-Dar & Mansour 2003, JMLR 5
Systems  rl.q_learning rl.q_frozenlake
Idea     Q(s, a) <- Q(s, a) + alpha (r + discount max_a' Q(s', a') - Q(s, a))                      (1)
Erratum  The cookbook takes the greedy action with probability epsilon: it is 1 - epsilon. The notebook's FrozenLake
         listing is titled Monte Carlo but is this rule, and its argmax takes action 0 in every tie, so that it hardly
         ever leaves the start: here ties are broken at random.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Running, Transition, Vectorised, vectorised
from jaxicon.envs.tabular import MDP, environment, greedy_value
from jaxicon.ops.exploration import Rule, decaying, draw, greedy
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    step_size: float = 1.0  # alpha = step_size / n^power at the n-th visit of (s, a); power 0 keeps it constant
    power: float = 0.65
    epsilon: float = 1.0  # epsilon / (1 + t / pace) at step t; pace inf keeps it constant
    pace: float = 20_000.0
    horizon: int = 100  # steps after which an episode is cut off


class State(NamedTuple):
    q: Float[Array, "s a"]
    visits: Int[Array, "s a"]
    world: Running


def play(key: Key, rule: Rule, envs: Vectorised, state: State) -> tuple[Running, Transition]:
    """One move of the rule: the world after it, and what was seen."""
    act_key, env_key = jax.random.split(key)
    here = envs.observe(state.world)[0]
    action = draw(act_key, rule.probabilities(state.q[here], state.visits[here], state.visits.sum()))
    world, seen = envs.step(env_key, state.world, action[None])
    return world, jax.tree.map(lambda x: x[0], seen)


def backup(
    config: Config, discount: float, state: State, seen: Transition, following: Float[Array, ""]
) -> tuple[Float[Array, "s a"], Float[Array, ""]]:
    """(1) with `following` for the value of the next state: the new action values, and the error before."""
    pair = seen.obs, seen.action
    alpha = config.step_size / jnp.maximum(state.visits[pair], 1) ** config.power
    error = one_step_target(seen.reward, seen.terminal, discount, following) - state.q[pair]
    return state.q.at[pair].add(alpha * error), error


def learn(
    config: Config, discount: float, rule: Rule, state: State, seen: Transition
) -> tuple[State, Float[Array, ""]]:
    """(1), by the best that is known of the next state, with the bonus of the rule; and the error before."""
    following = (state.q[seen.next_obs] + rule.bonus(state.visits[seen.next_obs])).max()
    q, error = backup(config, discount, state, seen, following)
    return state._replace(q=q), error


def q_learning(config: Config, mdp: MDP, rule: Rule | None = None) -> Agent:
    """One step is one move in a simulation of `mdp`; `rule` plays instead of epsilon-greedy with the config's epsilon.

    Where the rule has a bonus, the maximum in (1) is that of the values with it.
    evaluate: `value` is the exact discounted value of the greedy policy from the start. An observation is the index
    of a state. Raises ConfigError for an ill-formed MDP.
    """
    envs = vectorised(environment(mdp, config.horizon), 1)
    rule = rule or decaying(config.epsilon, config.pace)

    def init(key: Key, batch: None) -> State:
        q = jnp.where(mdp.terminal[:, None], 0.0, jnp.full(mdp.reward.shape, rule.initial))
        return State(q, jnp.zeros(mdp.reward.shape, jnp.int32), envs.reset(key))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        world, seen = play(key, rule, envs, state)
        state = state._replace(world=world, visits=state.visits.at[seen.obs, seen.action].add(1))
        state, error = learn(config, mdp.discount, rule, state, seen)
        return state, {"td_error": jnp.abs(error), "return": world.last_score[0]}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"value": mdp.start @ greedy_value(mdp, state.q)}

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, greedy(state.q[obs]))

    return Agent(init, step, evaluate, act)
