"""Q-learning on features with any rule of exploration.

Notes    RL & DL notebook U1; CS182 §7.6.2
Paper    Rashid et al. 2020, arXiv:2002.12174, for the bonus in the bootstrap; Osband et al. 2019, JMLR 20, DeepSea
Systems  rl.explore_count
Idea     Q(s, a) = phi(s) w_a,  w_a <- w_a + alpha (r + discount max_a' (Q + bonus)(s', a') - Q(s, a)) phi(s)      (1)
         N(s, a) = phi(s) n_a,  n_a <- n_a + phi(s): visits, where every state has a feature of its own          (2)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, mean_return, vectorised
from jaxicon.ops.exploration import Rule, draw, greedy
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    step_size: float = 1.0  # alpha = step_size / N(s, a)^power, this visit included
    power: float = 0.5
    discount: float = 0.99
    episodes: int = 1  # in evaluate


class State(NamedTuple):
    weights: Float[Array, "d a"]
    counts: Float[Array, "d a"]
    moves: Int[Array, ""]  # so far
    world: Running


def exploration(config: Config, env: Environment, rule: Rule) -> Agent:
    """One step is one move of one environment, whose observations are features [d] that are >= 0 and sum to 1.

    evaluate: `return` of the greedy policy over fresh episodes.
    Raises ConfigError for actions that are not discrete and a discount outside [0, 1].
    """
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"exploration: needs discrete actions, got {env.actions}")
    within("exploration", 0, 1, discount=config.discount)
    envs = vectorised(env, 1)

    def init(key: Key, batch: None) -> State:
        world = envs.reset(key)
        shape = envs.observe(world).shape[-1], env.actions.count
        return State(jnp.full(shape, rule.initial), jnp.zeros(shape), jnp.int32(0), world)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        act_key, env_key = jax.random.split(key)
        here = envs.observe(state.world)[0]
        action = draw(act_key, rule.probabilities(here @ state.weights, here @ state.counts, state.moves))
        world, seen = envs.step(env_key, state.world, action[None])
        obs, _, reward, terminal, _, after = jax.tree.map(lambda x: x[0], seen)
        counts = state.counts.at[:, action].add(obs)  # (2)
        alpha = config.step_size / (obs @ counts[:, action]) ** config.power
        following = (after @ state.weights + rule.bonus(after @ counts)).max()
        error = one_step_target(reward, terminal, config.discount, following) - obs @ state.weights[:, action]
        weights = state.weights.at[:, action].add(alpha * error * obs)  # (1)
        metrics = {"td_error": jnp.abs(error), "reward": reward, "return": world.last_score[0]}
        return State(weights, counts, state.moves + 1, world), metrics

    def act(key: Key, state: State, obs: Float[Array, "d"]) -> Int[Array, ""]:
        return draw(key, greedy(obs @ state.weights))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
