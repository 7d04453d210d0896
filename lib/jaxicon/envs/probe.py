"""Probe environments: the smallest tasks that an agent can only solve if one more part of it is right.

Each has known action values, so that a failure names its cause: the loss, the input, the discount, the choice of
actions, both together, and at last the difference between an episode that is over and one that is cut off.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxicon.envs.environment import Environment
from jaxicon.envs.tabular import MDP, environment

DISCOUNT = 0.5


class Probe(NamedTuple):
    """What the agent sees of each state, features [s, d], and the optimal action values [s, a], 0 at the end."""

    mdp: MDP
    features: np.ndarray
    values: np.ndarray
    horizon: int

    def environment(self) -> Environment:
        """The probe as something to play, with features for observations."""
        return environment(self.mdp, self.horizon)._replace(observe=lambda state: jnp.asarray(self.features)[state])


def probe(
    goes: list[list[int]], reward: list[list[float]], values: list[list[float]], starts: int = 1, horizon: int = 10
) -> Probe:
    """A deterministic probe whose last state is the end: goes[s][a] and reward[s][a] for the other states.

    The first `starts` states are equally likely to be the first one. What is seen is -1, +1 or, in a single state, 0.
    """
    states, actions = len(goes) + 1, len(goes[0])
    end = np.arange(states) == len(goes)
    transition = np.eye(states)[np.array([*goes, [len(goes)] * actions])]
    nothing = [[0.0] * actions]
    start = (np.arange(states) < starts) / starts
    mdp = MDP(transition, np.array([*reward, *nothing]), DISCOUNT, end, start)
    features = np.linspace(-1, 1, len(goes)) if len(goes) > 1 else np.zeros(1)
    return Probe(mdp, np.append(features, 0.0)[:, None], np.array([*values, *nothing]), horizon)


def probes() -> dict[str, Probe]:
    """By name, each harder than the one before it."""
    stays = 1 / (1 - DISCOUNT)  # reward 1 for ever
    return {
        "constant": probe([[1]], [[1]], [[1]]),
        "observation": probe([[2], [2]], [[-1], [1]], [[-1], [1]], starts=2),
        "discount": probe([[1], [2]], [[0], [1]], [[DISCOUNT], [1]]),
        "action": probe([[1, 1]], [[-1, 1]], [[-1, 1]]),
        "both": probe([[2, 2], [2, 2]], [[1, -1], [-1, 1]], [[1, -1], [-1, 1]], starts=2),
        # From the first state to the second, there to stay (reward 1, until cut off after three steps) or to leave
        # (reward 1, and it is over).
        "time_limit": probe([[1, 1], [1, 2]], [[0, 0], [1, 1]], [[DISCOUNT * stays] * 2, [stays, 1]], horizon=3),
    }
