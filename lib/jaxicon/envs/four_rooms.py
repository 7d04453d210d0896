"""Four rooms, and the ways from each of them to its two doors: where options were first shown to help.

Book     Sutton, Precup & Singh 1999, Artificial Intelligence 112, figure 2
"""

import numpy as np

from jaxicon.envs.grid_world import grid_world
from jaxicon.envs.tabular import MDP

MAP = (
    "#############",
    "#.....#.....#",
    "#.....#.....#",
    "#.....D.....#",
    "#.....#.....#",
    "#.....#.....#",
    "##D####.....#",
    "#.....###D###",
    "#.....#.....#",
    "#.....#.....#",
    "#.....D..G..#",
    "#.....#.....#",
    "#############",
)


def four_rooms(slip: float = 1 / 3, discount: float = 0.9) -> MDP:
    """+1 at the goal, in the lower right room, and nothing else; one starts in the upper left corner."""
    tiles = (MAP[0], "#S" + MAP[1][2:], *MAP[2:])
    return grid_world(tiles, {"G": 1.0}, step=0.0, slip=slip, discount=discount)


def rooms() -> list[tuple[np.ndarray, list[int]]]:
    """Of every room the cells, as a mask over the states, and the states of its doors."""
    cells = np.array([list(row) for row in MAP])
    doors, inside = np.argwhere(cells == "D"), np.isin(cells, [".", "G"])
    corners, found = ((1, 1), (1, 11), (11, 1), (11, 11)), []
    for corner in corners:
        room = np.zeros(cells.shape, bool)
        room[corner] = True
        for _ in range(cells.size):
            grown = room.copy()
            for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
                grown |= np.roll(room, shift, axis)
            room = grown & inside
        near = [d for d in doors if room[max(d[0] - 1, 0) : d[0] + 2, max(d[1] - 1, 0) : d[1] + 2].any()]
        found.append((room.ravel(), [int(np.ravel_multi_index(tuple(d), cells.shape)) for d in near]))
    return found
