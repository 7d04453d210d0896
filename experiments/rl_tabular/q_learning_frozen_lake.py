"""Q-learning on slippery FrozenLake, 4x4: the optimal policy without the model.

`value` is the exact value of the learned greedy policy at the start; the optimum is 0.5420.

Run      python -m experiments rl_tabular/q_learning_frozen_lake
Expect   value >= 0.5311854 in 5 of 5 seeds
Tour     value in [0.5311854, 0.5420260]
Cost     10 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.rl_tabular.value_iteration_frozen_lake import draw_lake
from experiments.task import Result, Task
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.rl_tabular.q_learning import Config, q_learning


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 300_000
    size: str = "4x4"
    slippery: bool = True
    discount: float = 0.99


def build(experiment: Experiment) -> Task:
    mdp = frozen_lake(experiment.size, experiment.slippery, experiment.discount)
    return Task(q_learning(experiment.method, mdp), experiment.steps, chunk=5000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    learned = Figure(figsize=(5, 4.5), layout="constrained")
    q = np.asarray(jax.tree.map(lambda x: x[0], result.state.q))
    draw_lake(learned.subplots(), "4x4", q.max(-1), q, "Learned values, first seed")
    visits = Figure(figsize=(5, 4.5), layout="constrained")
    axes = visits.subplots()
    seen = np.asarray(result.state.visits)[0].sum(-1).reshape(4, 4)
    axes.imshow(np.log10(1 + seen), cmap="magma")
    for row, column in np.ndindex(4, 4):
        axes.text(column, row, f"{seen[row, column]:,}", ha="center", va="center", color="w", fontsize=11)
    axes.set(xticks=[], yticks=[], title="Moves made from every field, first seed")
    return {
        "Learned action values: the arrows are the best actions": learned,
        "Where the agent has been: far fields are learned from little": visits,
    }
