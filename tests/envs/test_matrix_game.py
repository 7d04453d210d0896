from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.envs.matrix_game import MatrixGame, check, matrix_games, nash_gap

PURE = {"dilemma": {(1, 1)}, "hunt": {(0, 0), (1, 1)}, "pennies": set(), "rock_paper_scissors": set()}


@pytest.mark.system("rl.multi_agent_named")
@pytest.mark.parametrize("name", matrix_games())
def test_pure_equilibria_are_those_of_a_plain_search(x64, name):
    game = check(matrix_games()[name])
    size = len(game.row)
    found = set()
    for a, b in product(range(size), repeat=2):
        stays = all(game.row[c, b] <= game.row[a, b] and game.column[a, c] <= game.column[a, b] for c in range(size))
        assert (nash_gap(game, jnp.eye(size)[a], jnp.eye(size)[b]) == 0) == stays
        found |= {(a, b)} if stays else set()
    assert found == PURE[name]


@pytest.mark.system("rl.multi_agent_named")
def test_the_gap_is_the_gain_of_the_best_replies(x64):
    random = np.random.default_rng(0)
    game = MatrixGame(*random.normal(size=(2, 3, 4)))
    row, column = random.dirichlet(np.ones(3)), random.dirichlet(np.ones(4))
    gains = [0.0, 0.0]
    for a in range(3):
        gains[0] = max(gains[0], game.row[a] @ column - row @ game.row @ column)
    for b in range(4):
        gains[1] = max(gains[1], row @ game.column[:, b] - row @ game.column @ column)
    np.testing.assert_allclose(nash_gap(game, jnp.array(row), jnp.array(column)), sum(gains), rtol=1e-12)
    fair = jnp.ones(3) / 3
    np.testing.assert_allclose(nash_gap(matrix_games()["rock_paper_scissors"], fair, fair), 0, atol=1e-15)


def test_ill_formed_games_are_refused():
    with pytest.raises(ConfigError, match="two matrices of one shape"):
        check(MatrixGame(np.ones((2, 3)), np.ones((3, 2))))
    with pytest.raises(DataError, match="column"):
        check(MatrixGame(np.ones((2, 2)), np.array([[1, 2], [np.nan, 1]])))
