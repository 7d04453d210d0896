"""Semi-gradient SARSA on tiles: action values of a continuous state, as sums of a few weights each.

Notes    RL & DL notebook U1, SARSA and the environments of Gym
Paper    Sutton 1996, Advances in Neural Information Processing Systems 8
Book     Sutton & Barto 2018, §10.1
Systems  rl.mountaincar
Idea     q(s, a) = sum of w_a over the tiles that hold s                                                     (1)
         w <- w + alpha (r + discount q(s', a') - q(s, a)) grad_w q(s, a),  a' as it will be played              (2)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, mean_return, vectorised
from jaxicon.ops.exploration import draw, epsilon_greedy
from jaxicon.ops.returns import one_step_target
from jaxicon.ops.tiles import tile_count, tiles


@dataclass(frozen=True)
class Config:
    low: tuple[float, ...] = (-1.2, -0.07)  # the observations between which tiles lie: those of MountainCar
    high: tuple[float, ...] = (0.6, 0.07)
    tilings: int = 8
    bins: int = 8  # tiles along each axis
    step_size: float = 0.5  # share of an error that one update takes away
    epsilon: float = 0.0  # rewards below 0 make every action that was never tried look best
    discount: float = 1.0
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    weights: Float[Array, "a tile"]
    world: Running
    action: Int[Array, ""]  # drawn already, not yet played


def tile_coded_sarsa(config: Config, env: Environment) -> Agent:
    """One step is one move. evaluate: `return` of the greedy policy over fresh episodes.

    Raises ConfigError where actions are not discrete or the bounds are none of the observations.
    """
    low, high = np.array(config.low, float), np.array(config.high, float)
    positive("tile_coded_sarsa", tilings=config.tilings, bins=config.bins, step_size=config.step_size)
    within("tile_coded_sarsa", 0, 1, epsilon=config.epsilon, discount=config.discount)
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"tile_coded_sarsa: needs discrete actions, got {env.actions}")
    seen = jax.eval_shape(lambda: env.observe(env.reset(jax.random.key(0)))).shape
    if not seen == low.shape == high.shape or not (low < high).all():
        raise ConfigError(f"tile_coded_sarsa: low {config.low}, high {config.high}; expected bounds of {seen} numbers")
    envs = vectorised(env, 1)

    def active(obs: Float[Array, "d"]) -> Int[Array, "tilings"]:
        return tiles((obs - low) / (high - low), config.tilings, config.bins)

    def values(weights: Float[Array, "a tile"], obs: Float[Array, "d"]) -> Float[Array, "a"]:
        return weights[:, active(obs)].sum(-1)  # (1)

    def choose(key: Key, weights: Float[Array, "a tile"], obs: Float[Array, "d"]) -> Int[Array, ""]:
        return draw(key, epsilon_greedy(values(weights, obs), config.epsilon))

    def init(key: Key, batch: None) -> State:
        env_key, act_key = jax.random.split(key)
        world = envs.reset(env_key)
        weights = jnp.zeros((env.actions.count, tile_count(low.size, config.tilings, config.bins)))
        return State(weights, world, choose(act_key, weights, envs.observe(world)[0]))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        env_key, next_key, start_key = jax.random.split(key, 3)
        world, seen = envs.step(env_key, state.world, state.action[None])
        obs, action, reward, terminal, truncated, after = jax.tree.map(lambda x: x[0], seen)
        following = choose(next_key, state.weights, after)
        bootstrap = values(state.weights, after)[following]
        wanted = one_step_target(reward, terminal, config.discount, bootstrap)
        error = wanted - values(state.weights, obs)[action]
        step_size = config.step_size / config.tilings
        weights = state.weights.at[action, active(obs)].add(step_size * error)  # (2)
        start = choose(start_key, weights, envs.observe(world)[0])
        action = jnp.where(terminal | truncated, start, following)
        return State(weights, world, action), {"td_error": jnp.abs(error), "return": world.last_score[0]}

    def act(key: Key, state: State, obs: Float[Array, "d"]) -> Int[Array, ""]:
        return values(state.weights, obs).argmax()

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
