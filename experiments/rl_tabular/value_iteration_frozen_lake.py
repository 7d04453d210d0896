"""Value iteration on slippery FrozenLake, 4x4.

The algorithm draws nothing, so one run says it all. `greedy_value` is what the greedy policy is worth exactly.

Run      python -m experiments rl_tabular/value_iteration_frozen_lake
Expect   value 0.5420259320 ± 0.0000001 over 1 seeds
         greedy_value 0.5420259320 ± 0.0000001 over 1 seeds
Tour     value in [0.5420259, 0.542026]
Cost     3 s
Dtype    float64
"""

from dataclasses import dataclass

import numpy as np

from experiments.rl_tabular._grids import best_actions, draw_grid
from experiments.task import Result, Task, first_seed
from jaxicon.envs.frozen_lake import MAPS, frozen_lake
from jaxicon.envs.tabular import MDP
from jaxicon.rl_tabular.value_iteration import value_iteration


@dataclass(frozen=True)
class Experiment:
    steps: int = 2000
    size: str = "4x4"
    slippery: bool = True
    discount: float = 0.99


def model(experiment) -> MDP:
    return frozen_lake(experiment.size, experiment.slippery, experiment.discount)


def build(experiment: Experiment) -> Task:
    return Task(value_iteration(model(experiment)), experiment.steps)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    mdp, value = model(result.experiment), np.asarray(first_seed(result))
    q = mdp.reward + mdp.discount * mdp.transition @ value
    draw_lake(figure.subplots(), result.experiment.size, value, q, "Optimal value of every field")
    return {"V* of every field and the best ways to go: on slippery ice one aims away from the holes": figure}


def draw_lake(axes, size: str, value: np.ndarray, q: np.ndarray, title: str) -> None:
    """Fields coloured by value, with an arrow for every action whose value is the best to six digits."""
    draw_grid(axes, MAPS[size], value, best_actions(q), title)
