"""FrozenLake: cross the ice from the start to the goal without falling into a hole.

The tables are those of Gymnasium's FrozenLake-v1, apart from one thing: the reward of an action is its expectation over
where one slips to, 1/3 for a slippery step towards the goal, not a draw of 0 or 1.
"""

import numpy as np

from jaxicon.core.errors import ConfigError, nearest
from jaxicon.envs.tabular import MDP

MAPS = {  # S start, F frozen, H hole, G goal
    "4x4": ("SFFF", "FHFH", "FFFH", "HFFG"),
    "8x8": ("SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"),
}
MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))  # left, down, right, up


def frozen_lake(size: str = "4x4", slippery: bool = True, discount: float = 0.99) -> MDP:
    """States row by row from the upper left; on slippery ice one goes as wanted or to either side, 1/3 each."""
    if size not in MAPS:
        raise ConfigError(f"frozen_lake: no map {size!r}{nearest(size, MAPS)}")
    tiles = np.array([list(row) for row in MAPS[size]])
    letters = tiles.ravel()
    terminal = (letters == "H") | (letters == "G")
    transition = np.zeros((letters.size, 4, letters.size))
    for s, a in np.ndindex(letters.size, 4):
        slips = (a - 1, a, a + 1) if slippery else (a,)
        for move in slips:
            row, column = np.clip(np.array(divmod(s, len(tiles))) + MOVES[move % 4], 0, len(tiles) - 1)
            transition[s, a, row * len(tiles) + column] += 1 / len(slips)
    transition[terminal] = np.eye(letters.size)[terminal, None]
    reward = np.where(terminal[:, None], 0, transition @ (letters == "G"))
    return MDP(transition, reward, discount, terminal, (letters == "S").astype(float))
