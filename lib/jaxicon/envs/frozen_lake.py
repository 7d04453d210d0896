"""FrozenLake: cross the ice from the start to the goal without falling into a hole.

The tables are those of Gymnasium's FrozenLake-v1, apart from one thing: the reward of an action is its expectation over
where one slips to, 1/3 for a slippery step towards the goal, not a draw of 0 or 1.
"""

from jaxicon.core.errors import ConfigError, nearest
from jaxicon.envs.grid_world import grid_world
from jaxicon.envs.tabular import MDP

MAPS = {  # S start, F frozen, H hole, G goal
    "4x4": ("SFFF", "FHFH", "FFFH", "HFFG"),
    "8x8": ("SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"),
}


def frozen_lake(size: str = "4x4", slippery: bool = True, discount: float = 0.99) -> MDP:
    """States row by row from the upper left; on slippery ice one goes as wanted or to either side, 1/3 each."""
    if size not in MAPS:
        raise ConfigError(f"frozen_lake: no map {size!r}{nearest(size, MAPS)}")
    slip = 2 / 3 if slippery else 0.0
    return grid_world(MAPS[size], {"G": 1.0}, step=0.0, terminal="HG", slip=slip, discount=discount)
