"""Grids: Markov decision processes drawn as maps of characters.

Four of them: the grid with a star, a maze, a field of obstacles on which one slips, and the cliff of Gymnasium's
CliffWalking. The layouts of the first three are our own: the notes only draw or describe them.

Notes    DL4CV lecture 21, Grid World; RL & DL notebook U1, maze robot and MDP example
Book     Sutton & Barto 2018, example 6.6, for the cliff
Systems  rl.gridworld_s3 rl.maze_s4 rl.slippery_grid_s4
"""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxicon.core.checks import within
from jaxicon.core.errors import ConfigError
from jaxicon.envs.tabular import MDP
from jaxicon.ops.successors import Successors

LEFT, DOWN, RIGHT, UP = (0, -1), (1, 0), (0, 1), (-1, 0)  # rows and columns
MOVES = (LEFT, DOWN, RIGHT, UP)
CLOCKWISE = (UP, RIGHT, DOWN, LEFT)  # the order of CliffWalking
STAR = ("S....", ".....", "...#.", "..#G.")
MAZE = (
    ".....#...",
    ".###.#.#.",
    "...#...#.",
    "##.###.#.",
    ".#...#.#.",
    ".###.###.",
    ".........",
    ".#####.#.",
    "...#G..#.",
)
OBSTACLES = (".......", ".......", "..XXX..", "S.....G", "..XXX..", ".......", ".......")
CLIFF = ("............", "............", "............", "SCCCCCCCCCCG")


def grid_world(
    tiles: Sequence[str],
    enter: Mapping[str, float],
    step: float = -1.0,
    bump: float | None = None,
    terminal: str = "G",
    back: str = "",
    slip: float = 0.0,
    discount: float = 1.0,
    moves: Sequence[tuple[int, int]] = MOVES,
    sparse: bool = False,
) -> MDP:
    """States row by row from the upper left; # is a wall, S the start (several: one at random; none: any free cell).

    A move pays enter[c] if it ends at a cell c in `enter`, else `bump` if a wall or the border stops it, else `step`.
    Cells in `terminal` are the end, those in `back` lead to the start at once. With probability `slip` one goes to
    either side of where one wants to, slip / 2 each; `moves` go round the compass. Nothing enters the state of a wall.
    `sparse` keeps the three successors of a move instead of a table of all pairs, for large maps.
    Raises ConfigError for rows of different lengths, no free cell, several starts to go back to, slip outside [0, 1].
    """
    within("grid_world", 0, 1, slip=slip)
    if len({len(row) for row in tiles}) != 1:
        raise ConfigError(f"grid_world: rows have lengths {[len(row) for row in tiles]}; expected one length")
    cells = np.array([list(row) for row in tiles])
    letters, here = cells.ravel(), np.arange(cells.size)
    over = np.isin(letters, ["#", *terminal])
    free = ~over & ~np.isin(letters, [*back])
    first = np.flatnonzero(letters == "S") if "S" in letters else np.flatnonzero(free)
    if not len(first) or (back and len(first) > 1):
        raise ConfigError(f"grid_world: {len(first)} cells to start from; expected {'one' if back else 'some'}")

    aims = np.stack(np.divmod(here, cells.shape[1]), -1)[:, None] + np.array(moves)  # [s, a, 2]
    goes = np.ravel_multi_index(tuple(np.moveaxis(aims, -1, 0)), cells.shape, mode="clip")  # [s, a]
    goes = np.where(letters[goes] == "#", here[:, None], goes)
    pays = np.where(goes == here[:, None], step if bump is None else bump, step)
    for letter, gain in enter.items():
        pays = np.where(letters[goes] == letter, gain, pays)
    goes = np.where(np.isin(letters[goes], [*back]), first[0], goes)
    goes, pays = np.where(over[:, None], here[:, None], goes), np.where(over[:, None], 0.0, pays)

    turned = (np.arange(len(moves))[:, None] + (0, 1, -1)) % len(moves)  # [a, 3]
    chance = np.broadcast_to([1 - slip, slip / 2, slip / 2], (*goes.shape, 3))
    transition = Successors(goes[:, turned].astype(np.int32), chance)
    start = np.isin(here, first) / len(first)
    return MDP(transition if sparse else transition.dense(), (chance * pays[:, turned]).sum(-1), discount, over, start)


def star_grid() -> MDP:
    """-1 a move until the star is reached, undiscounted: a cell is worth minus the length of its shortest path."""
    return grid_world(STAR, {})


def maze(discount: float = 0.95) -> MDP:
    """+1 at the goal and -1 for hitting a wall or the border; one starts anywhere."""
    return grid_world(MAZE, {"G": 1.0}, step=0.0, bump=-1.0, discount=discount)


def obstacle_grid(slip: float = 0.0, discount: float = 0.9) -> MDP:
    """+10 at the goal, -100 and the end at an obstacle, -1 for any other step, which may slip."""
    return grid_world(OBSTACLES, {"G": 10.0, "X": -100.0}, terminal="GX", slip=slip, discount=discount)


def cliff_walking(discount: float = 1.0) -> MDP:
    """-1 a step; off the cliff it is -100 and back to the start: the tables of Gymnasium's CliffWalking-v1."""
    return grid_world(CLIFF, {"C": -100.0}, back="C", discount=discount, moves=CLOCKWISE)
