"""Q-learning on slippery FrozenLake, 4x4: the optimal policy without the model.

`value` is the exact value of the learned greedy policy at the start; the optimum is 0.5420.

Run      python -m experiments rl_tabular/q_learning_frozen_lake
Expect   value >= 0.5311854 in 5 of 5 seeds
Tour     value in [0.5311854, 0.5420260]
Cost     10 s
"""

from dataclasses import dataclass

import numpy as np

from experiments.rl_tabular.value_iteration_frozen_lake import draw_lake, model
from experiments.task import Result, Task, first_seed
from jaxicon.rl_tabular.q_learning import Config, q_learning


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 300_000
    size: str = "4x4"
    slippery: bool = True
    discount: float = 0.99


def build(experiment: Experiment) -> Task:
    return Task(q_learning(experiment.method, model(experiment)), experiment.steps, chunk=5000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    state = first_seed(result)
    learned = Figure(figsize=(5, 4.5), layout="constrained")
    q = np.asarray(state.q)
    draw_lake(learned.subplots(), result.experiment.size, q.max(-1), q, "Learned values, first seed")
    visits = Figure(figsize=(5, 4.5), layout="constrained")
    axes = visits.subplots()
    side = int(len(q) ** 0.5)
    seen = np.asarray(state.visits).sum(-1).reshape(side, side)
    axes.imshow(np.log10(1 + seen), cmap="Blues", vmax=1.6 * np.log10(1 + seen.max()))
    for row, column in np.ndindex(side, side):
        axes.text(column, row, f"{seen[row, column]:,}", ha="center", va="center", fontsize=44 / side)
    axes.set(xticks=[], yticks=[], title="Moves made from every field, first seed")
    return {
        "Learned action values: the arrows are the best actions": learned,
        "Where the agent has been: far fields are learned from little": visits,
    }
