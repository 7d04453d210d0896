"""Q-learning: the optimal action values of an unknown model, from play, whatever policy plays.

Notes    RL & DL notebook U1; CS182 §7.6.1; deep-learning cookbook, Q-learning
Paper    Watkins & Dayan 1992, Machine Learning 8; step sizes: Even-Dar & Mansour 2003, JMLR 5
Systems  rl.q_learning rl.q_frozenlake
Idea     Q(s, a) <- Q(s, a) + alpha (r + discount max_a' Q(s', a') - Q(s, a))                      (1)
Erratum  The cookbook takes the greedy action with probability epsilon: it is 1 - epsilon. The notebook's FrozenLake
         listing is titled Monte Carlo but is this rule, and its argmax takes action 0 in every tie, so that it hardly
         ever leaves the start: here ties are broken at random.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Running, vectorised
from jaxicon.envs.tabular import MDP, environment
from jaxicon.ops.exploration import draw, epsilon_greedy, greedy, harmonic_decay
from jaxicon.ops.returns import one_step_target, policy_value


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


def q_learning(config: Config, mdp: MDP, explore: Callable = epsilon_greedy) -> Agent:
    """One step is one move in a simulation of `mdp`; explore(values [a], epsilon) -> probabilities [a].

    evaluate: `value` is the exact discounted value of the greedy policy from the start. An observation is the index
    of a state. Raises ConfigError for an ill-formed MDP.
    """
    envs = vectorised(environment(mdp, config.horizon), 1)

    def init(key: Key, batch: None) -> State:
        return State(jnp.zeros(mdp.reward.shape), jnp.zeros(mdp.reward.shape, jnp.int32), envs.reset(key))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        act_key, env_key = jax.random.split(key)
        epsilon = harmonic_decay(state.visits.sum(), config.epsilon, config.pace)
        action = draw(act_key, explore(state.q[envs.observe(state.world)[0]], epsilon))
        world, seen = envs.step(env_key, state.world, action[None])
        s, _, reward, terminal, _, after = jax.tree.map(lambda x: x[0], seen)
        visits = state.visits.at[s, action].add(1)
        alpha = config.step_size / visits[s, action] ** config.power
        error = one_step_target(reward, terminal, mdp.discount, state.q[after].max()) - state.q[s, action]
        metrics = {"td_error": jnp.abs(error), "epsilon": epsilon, "return": world.last_score[0]}
        return State(state.q.at[s, action].add(alpha * error), visits, world), metrics  # (1)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        worth = policy_value(mdp.transition, mdp.reward, mdp.discount, jax.vmap(greedy)(state.q))
        return {"value": mdp.start @ worth}

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, greedy(state.q[obs]))

    return Agent(init, step, evaluate, act)
