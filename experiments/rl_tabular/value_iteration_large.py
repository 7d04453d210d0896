"""Value iteration on a random model of 100,000 states, with 4 actions and 8 successors of each.

A table of all pairs of states would have 4e10 entries; the successors alone are 3.2 million. `gap` is the largest
difference between V and what the greedy policy is really worth, whose value is summed by sweeps as well.

Run      python -m experiments rl_tabular/value_iteration_large
Expect   value 21.73 ± 0.01 over 1 seeds
         gap <= 0.001 over 1 seeds
         residual <= 0.0001 over 1 seeds
Tour     residual in [0, 0.001] with --steps 200 --states 1000
Cost     40 s
"""

from dataclasses import dataclass

import jax.numpy as jnp

from experiments.task import Result, Task
from jaxicon.envs.tabular import greedy_value, look_ahead, random_mdp
from jaxicon.rl_tabular.value_iteration import value_iteration


@dataclass(frozen=True)
class Experiment:
    steps: int = 300
    states: int = 100_000
    actions: int = 4
    successors: int = 8
    discount: float = 0.95


def build(experiment: Experiment) -> Task:
    mdp = random_mdp(0, experiment.states, experiment.actions, experiment.successors, experiment.discount)
    gap = lambda key, value: {"gap": jnp.abs(greedy_value(mdp, look_ahead(mdp, value)) - value).max()}
    return Task(value_iteration(mdp), experiment.steps, measure=gap, chunk=10)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes, t, residual = figure.subplots(), result.history["t"], result.history["residual"]
    axes.plot(t, residual.T, color="#1f77b4", lw=2.5, label="measured")
    axes.plot(t, residual[0, 0] * result.experiment.discount ** (t - t[0]), "k--", label="discount$^k$")
    axes.set(yscale="log")
    axes.set_title("How much a sweep changes a value at most", fontsize=13)
    axes.set_xlabel("sweep", fontsize=12)
    axes.set_ylabel("residual", fontsize=12)
    axes.legend(fontsize=12)
    axes.grid(alpha=0.3)
    return {"Convergence of 100,000 values": figure}
