from collections import deque

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.grid_world import (
    CLIFF,
    CLOCKWISE,
    MAZE,
    MOVES,
    OBSTACLES,
    STAR,
    cliff_walking,
    grid_world,
    maze,
    obstacle_grid,
    star_grid,
)
from jaxicon.envs.markov import induced, process_value
from jaxicon.envs.tabular import check, look_ahead
from jaxicon.rl_tabular.q_learning import Config, q_learning


def distances(tiles, shut="#") -> np.ndarray:
    """Moves to the nearest G from every cell, by breadth-first search from it; inf where it cannot be reached."""
    away = np.full((len(tiles), len(tiles[0])), np.inf)
    queue = deque((row, column) for row, column in np.ndindex(away.shape) if tiles[row][column] == "G")
    for place in queue:
        away[place] = 0
    while queue:
        row, column = queue.popleft()
        for place in ((row, column - 1), (row + 1, column), (row, column + 1), (row - 1, column)):
            inside = 0 <= place[0] < away.shape[0] and 0 <= place[1] < away.shape[1]
            if inside and tiles[place[0]][place[1]] not in shut and away[place] == np.inf:
                away[place] = away[row, column] + 1
                queue.append(place)
    return away


@jax.jit
def optimum(transition, reward, discount):
    """V* [s] and Q* [s, a], by 1,000 backups."""
    backup = lambda value: reward + discount * (transition @ value)
    value = jax.lax.fori_loop(0, 1000, lambda _, v: backup(v).max(-1), jnp.zeros(len(reward)))
    return value, backup(value)


def solved(mdp):
    return map(np.asarray, optimum(jax.tree.map(jnp.asarray, mdp.transition), mdp.reward, mdp.discount))


def greedy_path(tiles, moves, q, place, terminal: str) -> list:
    """Where the greedy policy leads if nothing slips, without the first cell."""
    cells = np.array([list(row) for row in tiles])
    path = []
    while cells[place] not in terminal and len(path) < cells.size:
        aim = np.clip(np.array(place) + moves[q[np.ravel_multi_index(place, cells.shape)].argmax()], 0, cells.shape)
        assert (aim < cells.shape).all()
        place = tuple(aim.tolist())
        path.append(place)
    return path


@pytest.mark.system("rl.gridworld_s3")
def test_a_cell_of_the_star_grid_is_worth_minus_its_shortest_path(x64):
    value, _ = solved(check(star_grid()))
    away = distances(STAR)
    free = np.isfinite(away)
    assert free.sum() == 18
    np.testing.assert_array_equal(value.reshape(away.shape)[free], -away[free])


@pytest.mark.system("rl.gridworld_s3")
def test_moving_at_random_is_worth_minus_the_mean_time_of_a_random_walk(x64):
    """Far less than the shortest path; by a linear system over the neighbours of every free cell."""
    free = [place for place in np.ndindex(4, 5) if STAR[place[0]][place[1]] in "S."]
    system, index = np.eye(len(free)), {place: i for i, place in enumerate(free)}
    for place, i in index.items():
        for move in MOVES:
            row, column = np.clip(np.array(place) + move, 0, (3, 4)).tolist()
            to = place if STAR[row][column] == "#" else (row, column)
            if to in index:
                system[i, index[to]] -= 1 / 4
    expected = np.linalg.solve(system, np.ones(len(free)))
    mdp = star_grid()
    value = np.asarray(process_value(induced(mdp, np.full((20, 4), 0.25))))
    np.testing.assert_allclose(value.reshape(4, 5)[tuple(np.transpose(free))], -expected, rtol=1e-9)
    assert expected[0] > 5 * distances(STAR)[0, 0]


@pytest.mark.system("rl.maze_s4")
def test_the_greedy_path_of_the_maze_is_a_shortest_one_from_every_start(x64):
    mdp = check(maze())
    value, q = solved(mdp)
    away = distances(MAZE)
    starts = [place for place in np.ndindex(away.shape) if MAZE[place[0]][place[1]] == "."]
    assert len(starts) > 40
    assert np.isfinite([away[place] for place in starts]).all()
    np.testing.assert_array_equal(mdp.start.reshape(away.shape) > 0, [[c == "." for c in row] for row in MAZE])
    for place in starts:
        assert len(greedy_path(MAZE, MOVES, q, place, "G")) == away[place]
        np.testing.assert_allclose(value.reshape(away.shape)[place], mdp.discount ** (away[place] - 1), rtol=1e-12)


@pytest.mark.system("rl.maze_s4")
def test_a_robot_that_does_not_know_the_maze_learns_the_shortest_path_from_every_start(x64, key):
    """From moves at random alone; as nothing is left to chance, every value is learned at once."""
    method = q_learning(Config(power=0.0, pace=float("inf"), horizon=50), maze())
    state, _ = train(key, method, nothing, 20_000, chunk=20_000)
    assert (np.asarray(state.visits)[maze().start > 0] > 0).all()
    away = distances(MAZE)
    for place in zip(*np.nonzero((away > 0) & np.isfinite(away)), strict=True):
        assert len(greedy_path(MAZE, MOVES, np.asarray(state.q), place, "G")) == away[place]


@pytest.mark.system("rl.maze_s4")
def test_walls_and_the_border_hurt_and_the_goal_pays():
    mdp = maze()
    width = len(MAZE[0])
    for s, (row, column) in enumerate(np.ndindex(len(MAZE), width)):
        for a, (down, right) in enumerate(MOVES):
            r, c = row + down, column + right
            inside = 0 <= r < len(MAZE) and 0 <= c < width
            if MAZE[row][column] in "#G":
                expected, after = 0, s
            elif inside and MAZE[r][c] != "#":
                expected, after = float(MAZE[r][c] == "G"), r * width + c
            else:
                expected, after = -1, s
            assert mdp.reward[s, a] == expected
            assert mdp.transition[s, a, after] == 1


@pytest.mark.system("rl.slippery_grid_s4")
def test_without_slip_the_robot_takes_the_shortest_path_past_the_obstacles(x64):
    mdp = check(obstacle_grid())
    value, q = solved(mdp)
    away = distances(OBSTACLES, shut="X")
    for place in zip(*np.nonzero((away > 0) & np.isfinite(away)), strict=True):
        moves = int(away[place])
        expected = 10 * 0.9 ** (moves - 1) - (1 - 0.9 ** (moves - 1)) / (1 - 0.9)  # -1 a step until +10 at the last
        np.testing.assert_allclose(value.reshape(away.shape)[place], expected, rtol=1e-10)
        assert len(greedy_path(OBSTACLES, MOVES, q, place, "G")) == moves


@pytest.mark.system("rl.slippery_grid_s4")
@pytest.mark.parametrize("slip", [0.1, 0.3])
def test_on_slippery_ground_values_are_those_of_the_linear_program(x64, slip):
    """Over a model written down cell by cell."""
    tiles = np.array([list(row) for row in OBSTACLES])
    rows, bounds = [], []
    for place in np.ndindex(tiles.shape):
        for a in range(4):
            if tiles[place] in "GX":
                continue
            row, gain = np.zeros(tiles.size), 0.0
            row[np.ravel_multi_index(place, tiles.shape)] -= 1
            for turn, chance in ((0, 1 - slip), (1, slip / 2), (3, slip / 2)):
                to = tuple(np.clip(np.array(place) + MOVES[(a + turn) % 4], 0, 6).tolist())
                gain += chance * {"G": 10, "X": -100}.get(tiles[to], -1)
                if tiles[to] not in "GX":
                    row[np.ravel_multi_index(to, tiles.shape)] += chance * 0.9
            rows.append(row)
            bounds.append(-gain)
    over = np.isin(tiles.ravel(), ["G", "X"])
    limits = [(0, 0) if o else (None, None) for o in over]
    least = linprog(np.ones(tiles.size), np.array(rows), bounds, bounds=limits).x
    value, _ = solved(obstacle_grid(slip))
    np.testing.assert_allclose(value, least, atol=1e-6)


@pytest.mark.system("rl.slippery_grid_s4")
def test_the_more_it_slips_the_wider_the_berth(x64):
    """The straight way between two rows of obstacles, then a way around them that keeps off."""
    lengths, near = [], []
    obstacles = np.argwhere(np.array([list(row) for row in OBSTACLES]) == "X")
    for slip in (0.0, 0.02, 0.1, 0.3):
        _, q = solved(obstacle_grid(slip))
        path = greedy_path(OBSTACLES, MOVES, q, (3, 0), "GX")
        assert path[-1] == (3, 6)
        lengths.append(len(path))
        near.append(sum(np.abs(obstacles - place).sum(1).min() == 1 for place in path))
    assert lengths == [6, 6, 12, 12]
    assert near == [3, 3, 0, 0]


def test_the_cliff_is_that_of_gymnasium():
    game = gymnasium.make("CliffWalking-v1").unwrapped
    mdp = check(cliff_walking())
    for s, actions in game.P.items():
        for a, outcomes in actions.items():
            if s == 47:  # the goal, which Gymnasium never plays on from
                assert mdp.transition[s, a, s] == 1
                assert mdp.reward[s, a] == 0
                continue
            [(_, after, reward, over)] = outcomes
            assert mdp.transition[s, a, after] == 1
            assert mdp.reward[s, a] == reward
            assert mdp.terminal[after] == over
    np.testing.assert_array_equal(mdp.start, game.initial_state_distrib)


def test_the_best_way_along_the_cliff_has_thirteen_steps(x64):
    value, q = solved(cliff_walking())
    assert value[36] == -13
    path = greedy_path(CLIFF, CLOCKWISE, q, (3, 0), "G")
    assert path == [*((2, column) for column in range(12)), (3, 11)]


def test_a_large_sparse_grid_is_worth_minus_the_distance(x64):
    tiles = [*["." * 60] * 59, "." * 59 + "G"]
    mdp = check(grid_world(tiles, {}, sparse=True))
    value, _ = solved(mdp)
    row, column = np.divmod(np.arange(3600), 60)
    np.testing.assert_array_equal(value, row + column - 118)


@pytest.mark.parametrize("slip", [0.0, 0.4])
def test_sparse_and_dense_tables_say_the_same(slip):
    dense, sparse = (
        grid_world(OBSTACLES, {"G": 10.0, "X": -100.0}, terminal="GX", slip=slip, discount=0.9, sparse=sparse)
        for sparse in (False, True)
    )
    value = np.random.default_rng(0).normal(size=49)
    np.testing.assert_allclose(
        look_ahead(sparse, jnp.asarray(value)), dense.reward + 0.9 * dense.transition @ value, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("tiles", "changes", "message"),
    [
        (("..", "..."), {}, r"rows have lengths \[2, 3\]"),
        (("G#",), {}, "0 cells to start from; expected some"),
        (("S.S", "CG."), {"back": "C"}, "2 cells to start from; expected one"),
        (("SG",), {"slip": 1.5}, "slip is 1.5"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(tiles, changes, message):
    with pytest.raises(ConfigError, match=message):
        grid_world(tiles, {}, **changes)
