"""Dyna-Q: Q-learning that also learns from moves which it only imagines, by a model of what it has seen.

Notes    RL & DL notebook U1 and U2, model-based RL §4d
Paper    Sutton 1990, Proceedings of the Seventh International Conference on Machine Learning
Book     Sutton & Barto 2018, §8.2
Systems  rl.dyna_q
Idea     after every real move, n times: a pair (s, a) that was tried, r and s' by the model, the update of Q-learning
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.checks import within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Transition, vectorised
from jaxicon.envs.tabular import MDP, environment
from jaxicon.ops.exploration import Rule, decaying, draw
from jaxicon.rl_tabular.q_learning import Config, learn, play, q_learning
from jaxicon.rl_tabular.q_learning import State as Learned


class Model(NamedTuple):
    """What was seen, which is all that can be imagined."""

    count: Int[Array, "s a s"]  # of every transition
    reward: Float[Array, "s a"]  # the mean
    terminal: Bool[Array, "s"]  # where an episode was over


class State(NamedTuple):
    learned: Learned  # as Q-learning has it
    model: Model


def observed(model: Model, seen: Transition) -> Model:
    """The model with one more move in its counts."""
    s, a, after = seen.obs, seen.action, seen.next_obs
    count = model.count.at[s, a, after].add(1)
    mean = model.reward.at[s, a].add((seen.reward - model.reward[s, a]) / count[s, a].sum())
    return Model(count, mean, model.terminal.at[after].max(seen.terminal))


def imagined(key: Key, model: Model) -> Transition:
    """A move from any pair that was tried, all equally likely, to where the model says, in the frequencies seen."""
    pair_key, next_key = jax.random.split(key)
    tried = (model.count.sum(-1) > 0).astype(model.reward.dtype)
    s, a = jnp.divmod(draw(pair_key, tried.ravel()), tried.shape[1])
    after = draw(next_key, model.count[s, a].astype(model.reward.dtype))
    return Transition(s, a, model.reward[s, a], model.terminal[after], jnp.array(False), after)


def dyna_q(config: Config, mdp: MDP, planning: int, rule: Rule | None = None) -> Agent:
    """One step is one real move, learned from as by Q-learning, and `planning` imagined ones.

    The simulation of `mdp` is the world; the model knows of it only what it was shown.
    """
    within("dyna_q", 0, float("inf"), planning=planning)
    base, envs = q_learning(config, mdp, rule), vectorised(environment(mdp, config.horizon), 1)
    rule = rule or decaying(config.epsilon, config.pace)

    def init(key: Key, batch: None) -> State:
        pairs, states = mdp.reward.shape, len(mdp.reward)
        model = Model(jnp.zeros((*pairs, states), jnp.int32), jnp.zeros(pairs), jnp.zeros(states, bool))
        return State(base.init(key, batch), model)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        play_key, plan_key = jax.random.split(key)
        world, seen = play(play_key, rule, envs, state.learned)
        visits = state.learned.visits.at[seen.obs, seen.action].add(1)
        teach = lambda learned, seen: learn(config, mdp.discount, rule, learned, seen)
        learned, error = teach(state.learned._replace(world=world, visits=visits), seen)
        model = observed(state.model, seen)
        plan = lambda i, learned: teach(learned, imagined(jax.random.fold_in(plan_key, i), model))[0]
        learned = jax.lax.fori_loop(0, planning, plan, learned)
        return State(learned, model), {"td_error": jnp.abs(error), "return": world.last_score[0]}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return base.evaluate(key, state.learned, batch)

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return base.act(key, state.learned, obs)

    return Agent(init, step, evaluate, act)
