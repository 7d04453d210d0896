"""Q-value iteration in the maze, from random values: the shortest path from every cell.

+1 at the goal, -1 for hitting a wall, discount 0.95: a cell d moves from the goal is worth 0.95^(d - 1). `shortest` is
the share of the 49 free cells from which the greedy path is as short as one found by breadth-first search; `error` is
the largest error of a value. No move is left to chance, and the farthest cell is 20 moves away: after some 50 sweeps,
when no random value is better than the way to the goal, nothing changes any more.

Run      python -m experiments rl_tabular/q_value_iteration_maze
Expect   shortest 1 ± 0 over 10 seeds
         error <= 1e-8 in 10 of 10 seeds
         residual <= 1e-9 in 10 of 10 seeds
Tour     shortest in [1, 1]
Cost     5 s
Dtype    float64
"""

from collections import deque
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.rl_tabular._grids import best_actions, draw_grid
from experiments.task import Result, Task, first_seed
from jaxicon.envs.grid_world import MAZE, maze
from jaxicon.rl_tabular.q_value_iteration import q_value_iteration


@dataclass(frozen=True)
class Experiment:
    steps: int = 80
    discount: float = 0.95


def distances() -> np.ndarray:
    """Moves from every cell to the goal, by breadth-first search from it; -1 for walls."""
    goes = maze().transition.argmax(-1)
    away = np.full(len(goes), -1)
    queue = deque([int(np.flatnonzero(np.array([*"".join(MAZE)]) == "G")[0])])
    away[queue[0]] = 0
    while queue:
        here = queue.popleft()
        for before in np.flatnonzero((goes == here).any(1)):
            if away[before] < 0 and before != here:
                away[before] = away[here] + 1
                queue.append(int(before))
    return away


def walked(q):
    """Moves of the greedy path from every cell to the end; at most one a cell."""
    mdp = maze()
    goes, over = jnp.asarray(mdp.transition.argmax(-1)), jnp.asarray(mdp.terminal)
    after = goes[jnp.arange(len(goes)), q.argmax(-1)]
    step = lambda _, now: (after[now[0]], now[1] + ~over[now[0]])
    return jax.lax.fori_loop(0, len(goes), step, (jnp.arange(len(goes)), jnp.zeros(len(goes), int)))[1]


def build(experiment: Experiment) -> Task:
    mdp, away = maze(experiment.discount), distances()
    free = away > 0
    true = np.where(free, experiment.discount ** (away - 1.0), 0)

    def measure(key, q):
        return {"shortest": (walked(q) == away)[free].mean(), "error": jnp.abs(q.max(-1) - true).max()}

    return Task(q_value_iteration(mdp), experiment.steps, measure=measure, chunk=1)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    q = np.asarray(first_seed(result))
    grid = Figure(figsize=(7, 7.4), layout="constrained")
    draw_grid(
        grid.subplots(), MAZE, q.max(-1), best_actions(q), "Value of every cell, best ways to go", digits=2, size=9
    )
    curve = Figure(figsize=(6, 4), layout="constrained")
    axes, t = curve.subplots(), result.history["t"]
    residual = result.history["residual"]
    axes.plot(t, residual.T, color="#1f77b4", alpha=0.4)
    axes.plot(t, residual[:, 0].max() * result.experiment.discount ** (t - t[0]), "k--", label="discount$^k$")
    axes.set(yscale="log", ylim=(1e-3, None))
    axes.set_title("How much a sweep changes a value at most, every seed", fontsize=13)
    axes.set_xlabel("sweep", fontsize=12)
    axes.set_ylabel("residual", fontsize=12)
    axes.legend(fontsize=12)
    axes.grid(alpha=0.3)
    return {"The maze, solved from random values": grid, "Convergence": curve}
