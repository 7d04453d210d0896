"""Pictures of grids: what every cell is worth, and where one goes from it."""

from collections.abc import Sequence

import numpy as np

from jaxicon.envs.grid_world import MOVES

NAMES = {"G": "goal", "H": "hole", "X": "rock", "C": "cliff"}  # cells that say what they are, not what they are worth


def best_actions(q: np.ndarray, rounding: float = 1e-6) -> np.ndarray:
    """Every action of a table [s, a] whose value is the best to that many digits, bool [s, a]."""
    return q >= q.max(-1, keepdims=True) - rounding


def draw_grid(
    axes,
    tiles: Sequence[str],
    value: np.ndarray,
    actions: np.ndarray,
    title: str,
    moves: Sequence[tuple[int, int]] = MOVES,
    digits: int = 3,
    size: float = 11,
) -> None:
    """Cells coloured by value, with an arrow for every action of `actions` [s, a]; what is no place to be is dark."""
    cells = np.array([list(row) for row in tiles])
    shown = np.ma.masked_where(np.isin(cells, ["#", *NAMES]), value.reshape(cells.shape))
    low, high = min(shown.min(), 0), max(shown.max(), 0)
    axes.set_facecolor("#444444")
    axes.imshow(shown, cmap="viridis", vmin=low, vmax=max(high, low + 1e-9))
    for s, (row, column) in enumerate(np.ndindex(cells.shape)):
        name = NAMES.get(cells[row, column], "")
        if name or cells[row, column] == "#":
            axes.text(column, row, name, ha="center", va="center", color="w", fontsize=size + 2)
            continue
        axes.text(column, row - 0.36, f"{value[s]:.{digits}f}", ha="center", va="center", color="w", fontsize=size)
        for action in np.flatnonzero(actions[s]):
            down, right = moves[action]
            axes.arrow(column, row + 0.08, 0.22 * right, 0.22 * down, width=0.03, head_width=0.12, color="w")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=13)


def draw_path(axes, tiles: Sequence[str], policy: np.ndarray, moves: Sequence[tuple[int, int]] = MOVES) -> int:
    """The way from S to the end if every move succeeds, in red; the number of moves, at most one a cell."""
    cells = np.array([list(row) for row in tiles])
    place = np.argwhere(cells == "S")[0]
    way = [place]
    while cells[tuple(place)] not in NAMES and len(way) <= cells.size:
        action = policy[np.ravel_multi_index(tuple(place), cells.shape)]
        place = np.clip(place + moves[action], 0, np.array(cells.shape) - 1)
        way.append(place)
    axes.plot(*np.array(way).T[::-1], color="#e74c3c", lw=6, alpha=0.5, zorder=1.5)
    return len(way) - 1
