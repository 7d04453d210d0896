"""Fully fitted Q-iteration: a data set from any policy, collected once, and fitted Q-iteration on all of it.

Notes    CS182 §7.5.6, Algorithm 18
Paper    Ernst, Geurts & Wehenkel 2005, JMLR 6
Systems  rl.fully_fitted_q
Idea     play (s_i, a_i, r_i, s'_i) by some policy; then K times  y_i = r_i + discount max_a' Q(s'_i, a')  and
         Q <- argmin_Q 1/2 sum_i (Q(s_i, a_i) - y_i)^2. A table ends at the optimal values of the model in which every
         pair leads where it led in the data, as often as it did there                                    (1)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Transition, mean_return, vectorised
from jaxicon.nn.regression import Regression
from jaxicon.rl_value import fitted_q_iteration as base


@dataclass(frozen=True)
class Config:
    discount: float = 0.99
    envs: int = 100
    moves: int = 100  # of each, for the data set
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    fit: Any
    data: Transition


def collected(key: Key, env: Environment, policy: Callable[[Key, Array], Array], envs: int, moves: int) -> Transition:
    """`moves` transitions of each of `envs` copies, in one row [envs * moves]; policy(key, obs) -> action."""
    copies = vectorised(env, envs)
    start_key, play_key = jax.random.split(key)

    def move(running, t):
        act_key, env_key = jax.random.split(jax.random.fold_in(play_key, t))
        action = jax.vmap(policy)(jax.random.split(act_key, envs), copies.observe(running))
        return copies.step(env_key, running, action)

    _, seen = jax.lax.scan(move, copies.reset(start_key), jnp.arange(moves))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), seen)


def fully_fitted_q(
    config: Config, env: Environment, regression: Regression, policy: Callable[[Key, Array], Array] | None = None
) -> Agent:
    """The state holds the data, played by `policy` or, if there is none, at random; a step is one backup and one fit.

    evaluate: `return` of the greedy policy over fresh episodes, and the `bellman_error` and `q` of the data.
    Raises ConfigError for actions that are not discrete and numbers that cannot be.
    """
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"fully_fitted_q: needs discrete actions, got {env.actions}")
    positive("fully_fitted_q", envs=config.envs, moves=config.moves, episodes=config.episodes)
    learner = base.fitted_q_iteration(base.Config(config.discount), env.actions, regression)
    play = policy or (lambda key, obs: jax.random.randint(key, (), 0, env.actions.count))

    def init(key: Key, batch: None) -> State:
        play_key, fit_key = jax.random.split(key)
        data = collected(play_key, env, play, config.envs, config.moves)
        return State(learner.init(fit_key, data), data)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        fit, metrics = learner.step(key, state.fit, state.data)
        return State(fit, state.data), metrics

    def act(key: Key, state: State, obs: Array) -> Array:
        return learner.act(key, state.fit, obs)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        play_key, key = jax.random.split(key)
        score = mean_return(play_key, env, lambda key, obs: act(key, state, obs), config.episodes)
        return {"return": score} | learner.evaluate(key, state.fit, state.data)

    return Agent(init, step, evaluate, act)
