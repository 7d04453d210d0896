"""SARSA: the action values of the policy that plays, exploration included.

Notes    RL & DL notebook U1; deep-learning cookbook, SARSA
Paper    Rummery & Niranjan 1994, CUED/F-INFENG/TR 166; Singh et al. 2000, Machine Learning 38, for the comparison
Book     Sutton & Barto 2018, §6.4 and example 6.6
Systems  rl.sarsa rl.q_vs_sarsa_plot
Idea     Q(s, a) <- Q(s, a) + alpha (r + discount Q(s', a') - Q(s, a)),  a' as it will be played at s'    (1)
Erratum  The cookbook says that learning on policy takes the best action at s': that is Q-learning. SARSA draws one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import vectorised
from jaxicon.envs.tabular import MDP, environment
from jaxicon.ops.exploration import Rule, decaying, draw
from jaxicon.rl_tabular.q_learning import Config, backup, q_learning
from jaxicon.rl_tabular.q_learning import State as Learned


class State(NamedTuple):
    learned: Learned  # as Q-learning has it
    action: Int[Array, ""]  # drawn already, not yet played


def sarsa(config: Config, mdp: MDP, rule: Rule | None = None) -> Agent:
    """Q-learning with another value of the next state: that of the action which is played there.

    Where an episode is cut off, an action is drawn for its last state all the same, and never played.
    """
    base, envs = q_learning(config, mdp, rule), vectorised(environment(mdp, config.horizon), 1)
    rule = rule or decaying(config.epsilon, config.pace)

    def choose(key: Key, state: Learned, s: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, rule.probabilities(state.q[s], state.visits[s], state.visits.sum()))

    def init(key: Key, batch: None) -> State:
        init_key, act_key = jax.random.split(key)
        learned = base.init(init_key, batch)
        return State(learned, choose(act_key, learned, envs.observe(learned.world)[0]))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        env_key, next_key, start_key = jax.random.split(key, 3)
        world, seen = envs.step(env_key, state.learned.world, state.action[None])
        seen = jax.tree.map(lambda x: x[0], seen)
        visits = state.learned.visits.at[seen.obs, seen.action].add(1)
        learned = state.learned._replace(world=world, visits=visits)
        action = choose(next_key, learned, seen.next_obs)
        q, error = backup(config, mdp.discount, learned, seen, learned.q[seen.next_obs, action])  # (1)
        learned = learned._replace(q=q)
        start = choose(start_key, learned, envs.observe(world)[0])
        action = jnp.where(seen.terminal | seen.truncated, start, action)
        return State(learned, action), {"td_error": jnp.abs(error), "return": world.last_score[0]}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return base.evaluate(key, state.learned, batch)

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return base.act(key, state.learned, obs)

    return Agent(init, step, evaluate, act)
