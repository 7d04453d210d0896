"""The random walk: a row of states, left or right at random, until one drops off an end.

Its values are known: with rewards `left` and `right` at the ends and no discount, they lie on the line between them,
because each state is worth the mean of its neighbours.
"""

import numpy as np

from jaxicon.core.checks import positive
from jaxicon.envs.tabular import MDP


def random_walk(states: int = 5, left: float = 0.0, right: float = 1.0, discount: float = 1.0) -> MDP:
    """States 1 .. states between the ends 0 and states + 1; actions left and right; one starts in the middle.

    Dropping off an end pays `left` or `right`, any other move nothing. Raises ConfigError without a state.
    """
    positive("random_walk", states=states)
    size = states + 2
    terminal = np.isin(np.arange(size), (0, size - 1))
    goes = np.stack([np.arange(size) - 1, np.arange(size) + 1], 1)
    goes[terminal] = np.arange(size)[terminal, None]
    reward = np.zeros((size, 2))
    reward[1, 0] = left
    reward[-2, 1] += right
    return MDP(np.eye(size)[goes], reward, discount, terminal, np.eye(size)[(states + 1) // 2])


def either_way(mdp: MDP) -> np.ndarray:
    """The policy that takes every action with the same probability, [s, a]."""
    return np.full(mdp.reward.shape, 1 / mdp.reward.shape[1])
