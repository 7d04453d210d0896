"""Dyna-Q in a maze: what is imagined between two moves saves moves.

The same Q-learning with no, 5 and 50 imagined moves after every real one, from the upper left to the goal. `moves` are
those an episode takes, in the mean of the 2nd to the 20th; the first is a blind search for all. The shortest way has
14.

Run      python -m experiments rl_tabular/dyna_q_maze --seeds 10
Expect   plan_0_moves >= 150 over 10 seeds
         plan_5_moves 25 ± 4 over 10 seeds
         plan_50_moves 17 ± 2 over 10 seeds
         saved_by_5 >= 3 in 10 of 10 seeds
         saved_by_50 >= 1.1 in 9 of 10 seeds
         plan_0_episodes >= 20 in 10 of 10 seeds
Tour     saved_by_5 in [2, 50]
Cost     20 s
"""

from dataclasses import dataclass

import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.rl_tabular._grids import best_actions, draw_grid
from experiments.rl_tabular._records import with_episodes
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import nothing
from jaxicon.envs.grid_world import grid_world
from jaxicon.envs.tabular import MDP
from jaxicon.rl_tabular.dyna_q import dyna_q
from jaxicon.rl_tabular.q_learning import Config

PLANNING, EPISODES = (0, 5, 50), 20
MAZE = ("S..#...", ".#.#.#.", ".#...#.", ".###.#.", ".....#G")


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(0.5, 0.0, 0.1, float("inf"), 5000)
    steps: int = 8000  # moves of each


def model() -> MDP:
    """A reward of 1 at the goal, and none before."""
    return grid_world(MAZE, {"G": 1.0}, step=0.0, discount=0.95)


def build(experiment: Experiment) -> Task:
    agents = {f"plan_{n}": dyna_q(experiment.method, model(), n) for n in PLANNING}
    world = lambda state: state.learned.world
    methods = {name: with_episodes(agent, world, EPISODES) for name, agent in agents.items()}

    def measure(key, state):
        moves = {name: state[name].length[1:].mean() for name in methods}
        found = {f"{name}_moves": mean for name, mean in moves.items()}
        found |= {f"{name}_episodes": state[name].finished.astype(float) for name in methods}
        saved = {"saved_by_5": moves["plan_0"] / moves["plan_5"], "saved_by_50": moves["plan_5"] / moves["plan_50"]}
        return found | saved

    data = same_for(list(methods), nothing)
    return Task(side_by_side(methods), experiment.steps, data, data, measure=measure, chunk=1000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    episodes = np.arange(1, EPISODES + 1)
    for n, colour in zip(PLANNING, ("#e67e22", "#27ae60", "#1f77b4"), strict=True):
        length = np.asarray(result.state[f"plan_{n}"].length)
        axes.semilogy(episodes, length.T, color=colour, alpha=0.2)
        axes.semilogy(episodes, length.mean(0), color=colour, lw=2.5, label=f"{n} imagined moves")
    axes.set(xticks=episodes[::2], title="Moves to the goal, every seed and the mean")
    axes.set_xlabel("episode", fontsize=12)
    axes.set_ylabel("moves", fontsize=12)
    axes.legend(fontsize=12)
    grid = Figure(figsize=(7, 5), layout="constrained")
    q = np.asarray(first_seed(result)["plan_50"].inner.learned.q)
    draw_grid(grid.subplots(), MAZE, q.max(-1), best_actions(q), "50 imagined moves: values and best actions")
    return {"How many moves an episode takes": figure, "What the first seed has learned": grid}
