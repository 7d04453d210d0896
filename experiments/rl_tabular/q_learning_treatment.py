"""Q-learning of a treatment from simulated patients, when nobody knows the probabilities.

`value` is the exact value of the learned doses for a new patient; `regret` what the best doses are worth more.

Run      python -m experiments rl_tabular/q_learning_treatment
Expect   regret <= 0.02 in 10 of 10 seeds
Tour     regret in [0, 0.05]
Cost     15 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.tabular import greedy_value, look_ahead
from jaxicon.envs.treatment import DOSES, LEVELS, STAGES, treatment
from jaxicon.rl_tabular.q_learning import Config, q_learning
from jaxicon.rl_tabular.value_iteration import value_iteration


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(power=0.8, pace=100_000.0, horizon=200)
    steps: int = 600_000
    discount: float = 0.97


def best_values(experiment: Experiment) -> np.ndarray:
    return np.asarray(train(jax.random.key(0), value_iteration(treatment(experiment.discount)), nothing, 1000)[0])


def build(experiment: Experiment) -> Task:
    mdp = treatment(experiment.discount)
    best = float(mdp.start @ best_values(experiment))

    def measure(key: Key, state: State) -> Metrics:
        return {"regret": best - mdp.start @ greedy_value(mdp, state.q)}

    return Task(q_learning(experiment.method, mdp), experiment.steps, measure=measure, chunk=10_000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    best = look_ahead(treatment(result.experiment.discount), best_values(result.experiment))
    plans = {"learned, first seed": first_seed(result).q, "optimal": best}
    for axes, (name, q) in zip(figure.subplots(1, 2), plans.items(), strict=True):
        q = np.asarray(q).reshape(STAGES, LEVELS, len(DOSES))[1:-1]
        axes.imshow(q.max(-1), cmap="viridis", aspect="auto")
        for row, column in np.ndindex(q.shape[:2]):
            text = f"{DOSES[q[row, column].argmax()]}\n{q[row, column].max():.2f}"
            axes.text(column, row, text, ha="center", va="center", color="w", fontsize=11)
        axes.set(xticks=range(LEVELS), yticks=range(STAGES - 2), yticklabels=range(1, STAGES - 1))
        axes.set_title(name, fontsize=13)
        axes.set_xlabel("drug in the body", fontsize=12)
        axes.set_ylabel("stage of the disease", fontsize=12)
    return {"The dose for every patient, and what a patient can expect": figure}
