"""Matrix games: two players move once and at the same time, and a table says what each of them gets.

Book     Shoham & Leyton-Brown 2009, Multiagent Systems, chapter 3
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxicon.core.checks import finite
from jaxicon.core.errors import ConfigError


class MatrixGame(NamedTuple):
    """Payoffs of the player who chooses the row and of the one who chooses the column."""

    row: Float[np.ndarray, "a b"]
    column: Float[np.ndarray, "a b"]


def check(game: MatrixGame) -> MatrixGame:
    """The same game; raises ConfigError where the tables are no matrices of one shape, DataError for NaN."""
    shapes = np.shape(game.row), np.shape(game.column)
    if len(shapes[0]) != 2 or shapes[0] != shapes[1] or 0 in shapes[0]:
        raise ConfigError(f"matrix game: payoffs are {shapes[0]} and {shapes[1]}; expected two matrices of one shape")
    finite("matrix game", row=game.row, column=game.column)
    return game


def matrix_games() -> dict[str, MatrixGame]:
    """By name. The dilemma has one equilibrium, the hunt two in pure strategies, the last two only mixed ones."""
    dilemma = np.array([[3.0, 0.0], [4.0, 1.0]]) / 4  # to keep silent, to betray
    hunt = np.array([[4.0, 0.0], [3.0, 2.0]]) / 4  # the stag together, a hare alone
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    rock_paper_scissors = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    return {
        "dilemma": MatrixGame(dilemma, dilemma.T),
        "hunt": MatrixGame(hunt, hunt.T),
        "pennies": MatrixGame(pennies, -pennies),
        "rock_paper_scissors": MatrixGame(rock_paper_scissors, -rock_paper_scissors),
    }


def nash_gap(game: MatrixGame, row: Float[Array, "a"], column: Float[Array, "b"]) -> Float[Array, ""]:
    """What both together could gain by replying better; 0 in an equilibrium and only there."""
    for_row, for_column = jnp.asarray(game.row, float) @ column, row @ jnp.asarray(game.column, float)
    return for_row.max() - row @ for_row + for_column.max() - for_column @ column
