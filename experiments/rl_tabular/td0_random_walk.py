"""TD(0) and Monte Carlo on the random walk of five states: a hundred episodes each, from 1/2 everywhere.

Both at a constant step size, TD(0) at 0.05 and Monte Carlo at 0.02, at which each does well. `error` is the root mean
square over the states: 0.24 at the beginning.

Run      python -m experiments rl_tabular/td0_random_walk --seeds 10
Expect   td0_error <= 0.1 in 10 of 10 seeds
         td0_error 0.035 ± 0.02 over 10 seeds
         mc_error 0.077 ± 0.035 over 10 seeds
Tour     td0_error in [0, 0.12]
Cost     10 s
"""

from dataclasses import dataclass

import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.rl_tabular._records import watched
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import nothing
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.rl_tabular.mc_prediction import mc_prediction
from jaxicon.rl_tabular.td0 import Config, td0

NAMES = {"td0": "TD(0)", "mc": "Monte Carlo"}


@dataclass(frozen=True)
class Experiment:
    td0: Config = Config(0.05, initial=0.5)
    mc: Config = Config(0.02, initial=0.5)
    steps: int = 100


def build(experiment: Experiment) -> Task:
    mdp = random_walk()
    policy = either_way(mdp)
    methods = {"td0": td0(experiment.td0, mdp, policy), "mc": mc_prediction(experiment.mc, mdp, policy)}
    both = side_by_side({name: watched(method) for name, method in methods.items()})
    data = same_for(list(NAMES), nothing)
    return Task(both, experiment.steps, data, data, chunk=1)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    curves, values = (Figure(figsize=(6, 4), layout="constrained") for _ in range(2))
    axes = curves.subplots()
    for (name, label), colour in zip(NAMES.items(), ("#1f77b4", "#e67e22"), strict=True):
        errors = result.history[f"{name}_error"]
        axes.plot(result.history["t"], errors.T, color=colour, alpha=0.25)
        axes.plot(result.history["t"], errors.mean(0), color=colour, lw=2.5, label=label)
    axes.axhline(0.1, color="#c0392b", ls="--", label="0.1")
    axes.set(ylim=(0, None), title="Error of the values, every seed and the mean")
    axes.set_xlabel("episodes", fontsize=12)
    axes.set_ylabel("root mean square error", fontsize=12)
    axes.legend(fontsize=12)
    axes = values.subplots()
    states = np.arange(1, 6)
    axes.plot(states, states / 6, color="k", lw=1, label="1/6 to 5/6")
    for (name, label), colour in zip(NAMES.items(), ("#1f77b4", "#e67e22"), strict=True):
        axes.plot(states, np.asarray(first_seed(result)[name].value)[1:-1], "o-", color=colour, label=label)
    axes.set(xticks=states, ylim=(0, 1), title="Values after the last episode, first seed")
    axes.set_xlabel("state", fontsize=12)
    axes.legend(fontsize=12)
    return {"Error over episodes": curves, "Learned and true values": values}
