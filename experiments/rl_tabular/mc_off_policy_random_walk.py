"""Off-policy Monte Carlo on the random walk: what it is worth to prefer the right, told by one who goes either way.

The target goes to the right with probability 0.7, the behaviour with 1/2. Both estimates learn from the same 2000
episodes; an error is the root mean square over the states, and `gain` the quotient of the two. The ordinary one is
right in the mean and far off in most runs, because few returns have most of the weight; the weighted one is a little
biased at first and much nearer.

Run      python -m experiments rl_tabular/mc_off_policy_random_walk --seeds 10
Expect   weighted_error <= 0.02 over 10 seeds
         ordinary_error >= 0.012 over 10 seeds
         gain >= 1.5 over 10 seeds
         gain >= 1 in 8 of 10 seeds
Tour     weighted_error in [0, 0.04]
Cost     15 s
"""

from dataclasses import dataclass

import numpy as np

from experiments.rl_tabular._records import watched
from experiments.task import Result, Task
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.rl_tabular.mc_off_policy import Config, mc_off_policy


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(100)
    right: float = 0.7
    steps: int = 2000


def build(experiment: Experiment) -> Task:
    mdp = random_walk()
    target = np.tile([1 - experiment.right, experiment.right], (7, 1))
    method = mc_off_policy(experiment.method, mdp, target, either_way(mdp))

    def measure(key, state):
        errors = method.evaluate(key, state, None)
        return {"gain": errors["ordinary_error"] / errors["weighted_error"]}

    return Task(watched(method), experiment.steps, measure=measure, chunk=20)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("ordinary", "#e67e22"), ("weighted", "#1f77b4")):
        errors = result.history[f"{name}_error"]
        axes.loglog(result.history["t"], errors.T, color=colour, alpha=0.25)
        axes.loglog(result.history["t"], errors.mean(0), color=colour, lw=2.5, label=f"{name}: every seed and the mean")
    axes.set_xlabel("episodes", fontsize=12)
    axes.set_ylabel("root mean square error", fontsize=12)
    axes.legend(fontsize=11)
    return {"Error of the two estimates, from the same episodes": figure}
