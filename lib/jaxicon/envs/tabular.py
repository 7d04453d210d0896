"""Finite Markov decision processes as tables, and as environments that can be played.

Notes    RL & DL notebook U1; DL4CV lectures 21 and 24; CS182 §7.2
Book     Sutton & Barto 2018, chapter 3
Systems  rl.mdp
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.ops.exploration import draw


class MDP(NamedTuple):
    """Tables on the host, in float64; whoever computes with them uses the default float."""

    transition: Float[np.ndarray, "s a s"]  # p(s' | s, a)
    reward: Float[np.ndarray, "s a"]  # expected reward of action a in state s
    discount: float
    terminal: Bool[np.ndarray, "s"]  # absorbing and without reward, so that their value is 0
    start: Float[np.ndarray, "s"]  # distribution of the first state


def check(mdp: MDP) -> MDP:
    """The same MDP; raises ConfigError with the first thing that is wrong with it."""
    shape, reward, terminal, start = map(np.shape, (mdp.transition, mdp.reward, mdp.terminal, mdp.start))
    if len(reward) != 2 or shape != (*reward, reward[0]) or not terminal == start == reward[:1]:
        raise ConfigError(
            f"mdp: transition, reward, terminal, start are {shape}, {reward}, {terminal}, {start};"
            " expected (s, a, s), (s, a), (s,), (s,)"
        )
    if not 0 <= mdp.discount <= 1:
        raise ConfigError(f"mdp: discount is {mdp.discount}, expected 0 <= discount <= 1")
    if not np.isfinite(mdp.reward).all():
        raise ConfigError(f"mdp: reward{tuple(np.argwhere(~np.isfinite(mdp.reward))[0].tolist())} is not finite")
    for name, table in (("transition", mdp.transition), ("start", mdp.start[None])):
        wrong = (table < 0).any(-1) | ~np.isclose(table.sum(-1), 1, rtol=0, atol=1e-6)
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            row = table[place]
            raise ConfigError(f"mdp: {name}{place} is no distribution: sum {row.sum():g}, least {row.min():g}")
    for s in np.flatnonzero(mdp.terminal):
        if (mdp.transition[s, :, s] != 1).any() or mdp.reward[s].any():
            raise ConfigError(f"mdp: state {s} is terminal but can be left or pays a reward")
    return mdp


def environment(mdp: MDP, horizon: int) -> Environment:
    """The MDP as something to play: the state and the observation are the index of the state."""
    _, actions = check(mdp).reward.shape

    def reset(key):
        return draw(key, jnp.asarray(mdp.start))

    def step(key, state, action):
        after = draw(key, jnp.asarray(mdp.transition)[state, action])
        return after, jnp.asarray(mdp.reward)[state, action], jnp.asarray(mdp.terminal)[after]

    return Environment(reset, step, lambda state: state, Discrete(actions), horizon)
