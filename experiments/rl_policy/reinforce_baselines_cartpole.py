"""REINFORCE on CartPole-v1 with three baselines: nothing, the mean of the other episodes, a learned value.

All three start from the same policy. What is left of the credit is the root of its mean square after the baseline, step
by step: the noise that multiplies the scores. A credit says little here but how many steps are left, which the others
of the same step know exactly.

Run      python -m experiments rl_policy/reinforce_baselines_cartpole
Expect   mean_return >= 490 over 10 seeds
         value_return >= 475 over 10 seeds
Tour     value_return in [400, 500]
Cost     70 s
"""

from dataclasses import dataclass

import numpy as np

from experiments._control import scaled_cartpole
from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.ops.policy_gradient import mean_of_others
from jaxicon.rl_policy.reinforce import Config, learned, nothing_subtracted, of_batch, reinforce

BASELINES = {
    "nothing": (of_batch(nothing_subtracted), "nothing", "#7f7f7f"),
    "mean": (of_batch(mean_of_others), "mean of the others", "#e67e22"),
    "value": (learned(64, 64, unit=50.0), "learned value", "#1f77b4"),
}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    updates: int = 60


def build(experiment: Experiment) -> Task:
    env = scaled_cartpole()
    methods = {name: reinforce(experiment.method, env, rule) for name, (rule, _, _) in BASELINES.items()}
    stream = same_for([*methods], nothing)
    return Task(side_by_side(methods), experiment.updates, stream, stream, chunk=3)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    returns, noise = figure.subplots(1, 2)
    episodes = result.experiment.method.batch * result.history["t"]
    for name, (_, label, color) in BASELINES.items():
        left = np.sqrt(2 * result.history[f"{name}_baseline_error"])
        for axes, rows in ((returns, result.history[f"{name}_return"]), (noise, left)):
            axes.plot(episodes, rows.mean(0), color=color, lw=2.5, label=label)
            axes.fill_between(episodes, *np.quantile(rows, [0.1, 0.9], axis=0), color=color, alpha=0.2, lw=0)
    returns.set_title("Return of drawn actions", fontsize=13)
    noise.set_title("What is left of the credit (root mean square)", fontsize=13)
    noise.set_ylim(0)
    returns.legend(fontsize=12)
    for axes in (returns, noise):
        axes.set_xlabel("episodes", fontsize=12)
    return {"Three baselines: mean of the seeds, and the band of eight in ten": figure}
