"""A model of an environment: what may follow each action in a given state, and with what probability."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.envs.tabular import MDP, check

Model = Callable  # (key, state) -> Outcomes


class Outcomes(NamedTuple):
    """k outcomes of each action in one state; their probabilities sum to 1 over k."""

    probability: Float[Array, "a k"]
    reward: Float[Array, "a k"]
    terminal: Bool[Array, "a k"]
    obs: Array  # [a, k, ...]: what is seen then


def of_tables(mdp: MDP, features: Float[np.ndarray, "s d"]) -> Model:
    """Every state may follow, and features[s] is seen there; a state is its index. Raises ConfigError for
    tables that are no MDP, and features of other states."""
    check(mdp)
    if len(features) != len(mdp.reward):
        raise ConfigError(f"of_tables: features of {len(features)} states; expected {len(mdp.reward)}")

    def model(key: Key, state: Array) -> Outcomes:
        probability = jnp.asarray(mdp.transition, float)[state]
        wide = lambda x: jnp.broadcast_to(x, probability.shape)
        seen = jnp.broadcast_to(jnp.asarray(features, float)[None], (len(probability), *features.shape))
        return Outcomes(
            probability, wide(jnp.asarray(mdp.reward, float)[state][:, None]), wide(mdp.terminal[None]), seen
        )

    return model


def by_trial(env: Environment, draws: int = 1) -> Model:
    """Every action is tried `draws` times, which is exact where nothing is left to chance, and otherwise makes the best
    action look better than it is. Raises ConfigError for actions that are not discrete."""
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"by_trial: needs discrete actions, got {env.actions}")
    positive("by_trial", draws=draws)
    actions = jnp.arange(env.actions.count)

    def model(key: Key, state: Any) -> Outcomes:
        keys = jax.random.split(key, (len(actions), draws))
        each = lambda action, keys: jax.vmap(lambda key: env.step(key, state, action))(keys)
        after, reward, terminal = jax.vmap(each)(actions, keys)
        seen = jax.vmap(jax.vmap(env.observe))(after)
        return Outcomes(jnp.full(reward.shape, 1 / draws), reward, terminal, seen)

    return model
