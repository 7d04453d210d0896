"""Partially observable Markov decision processes: the state is hidden, observations are not Markov, beliefs are.

Notes    CS182 §7.2
Paper    Kaelbling, Littman & Cassandra 1998, Artificial Intelligence 101, with the tiger
Systems  rl.pomdp
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import Environment
from jaxicon.envs.tabular import MDP, check, distributions, environment
from jaxicon.ops.exploration import draw
from jaxicon.ops.successors import Successors


class POMDP(NamedTuple):
    """An MDP whose states show themselves only by what they emit."""

    mdp: MDP
    emission: Float[np.ndarray, "s o"]  # p(o_t | s_t)


class Hidden(NamedTuple):
    """Where one is, and what one sees of it."""

    state: Int[Array, ""]
    obs: Int[Array, ""]


def check_pomdp(pomdp: POMDP) -> POMDP:
    """The same POMDP; raises ConfigError for an ill-formed MDP and emissions that are no distributions."""
    states, shape = len(check(pomdp.mdp).reward), np.shape(pomdp.emission)
    if len(shape) != 2 or shape[0] != states:
        raise ConfigError(f"pomdp: emission has shape {shape}; expected ({states}, o)")
    distributions("pomdp", emission=pomdp.emission)
    return pomdp


def partial_environment(pomdp: POMDP, horizon: int) -> Environment:
    """The POMDP as something to play: an observation is drawn in every state that is entered, the first included."""
    inner = environment(check_pomdp(pomdp).mdp, horizon)

    def shown(key, state):
        return Hidden(state, draw(key, jnp.asarray(pomdp.emission)[state]))

    def reset(key):
        state_key, obs_key = jax.random.split(key)
        return shown(obs_key, inner.reset(state_key))

    def step(key, hidden, action):
        state_key, obs_key = jax.random.split(key)
        state, reward, terminal = inner.step(state_key, hidden.state, action)
        return shown(obs_key, state), reward, terminal

    return Environment(reset, step, lambda hidden: hidden.obs, inner.actions, horizon)


def first_belief(pomdp: POMDP, obs: Int[Array, ""]) -> Float[Array, "s"]:
    """p(s_0 | o_0)."""
    return _given(pomdp, jnp.asarray(pomdp.mdp.start), obs)


def next_belief(
    pomdp: POMDP, belief: Float[Array, "s"], action: Int[Array, ""], obs: Int[Array, ""]
) -> Float[Array, "s"]:
    """p(s_{t+1} | o_0, a_0, .., o_{t+1}) from the belief before the action: one step of prediction, one of Bayes' rule.

    NaN where the observation cannot follow.
    """
    transition = pomdp.mdp.transition
    if isinstance(transition, Successors):
        after, chance = (jnp.asarray(x)[:, action] for x in transition)
        return _given(pomdp, jnp.zeros_like(belief).at[after].add(belief[:, None] * chance), obs)
    return _given(pomdp, belief @ jnp.asarray(transition)[:, action], obs)


def _given(pomdp, prior, obs):
    joint = prior * jnp.asarray(pomdp.emission)[:, obs]
    return joint / joint.sum()


def tiger(accuracy: float = 0.85, discount: float = 0.95) -> POMDP:
    """A tiger behind the left (state 0) or the right door; actions: listen, open left, open right.

    Listening costs 1, the tiger 100, the other door pays 10, and after either the tiger is anywhere. After every step
    it is heard on its own side with probability `accuracy`. Emissions depend on the state alone, so that one hears it
    also after opening a door; in the paper one does not.
    """
    listen, reset = np.eye(2), np.full((2, 2), 0.5)
    reward = np.array([[-1.0, -100.0, 10.0], [-1.0, 10.0, -100.0]])
    mdp = MDP(np.stack([listen, reset, reset], 1), reward, discount, np.zeros(2, bool), np.full(2, 0.5))
    return POMDP(mdp, np.array([[accuracy, 1 - accuracy], [1 - accuracy, accuracy]]))
