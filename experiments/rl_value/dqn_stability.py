"""What keeps DQN stable on CartPole-v1: two sizes of the buffer by two schedules of epsilon, 60,000 steps each.

All four learn at once from the same keys. `large` buffers forget nothing, `small` ones all but the last 1000 steps;
epsilon `falls` from 1 to 0.05 in the first 20,000 steps, or is 0.05 from the start (`fixed`).

Run      python -m experiments rl_value/dqn_stability
Expect   large_falls_return >= 300 over 10 seeds
         large_fixed_return <= 390 over 10 seeds
Tour     large_falls_return in [9, 500] with --method.updates 500
Cost     60 s
"""

from dataclasses import dataclass, replace

import numpy as np

from experiments._control import scaled_cartpole
from experiments._side_by_side import side_by_side, streams
from experiments.statistics import interval
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.rl_value.dqn import Config, dqn

BUFFERS = {"large": 60_000, "small": 1000}
SPANS = {"falls": 20_000.0, "fixed": 1.0}
NAMES = [f"{size}_{schedule}" for size in BUFFERS for schedule in SPANS]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(updates=6000, batch=64, ceiling=100.0)  # of all four, but for what is compared


def build(experiment: Experiment) -> Task:
    def agent(size: str, schedule: str):
        return dqn(replace(experiment.method, buffer=BUFFERS[size], epsilon_steps=SPANS[schedule]), scaled_cartpole())

    both = streams(dict.fromkeys(NAMES, nothing))
    agents = side_by_side({name: agent(*name.split("_")) for name in NAMES})
    return Task(agents, experiment.method.updates, both, both, chunk=200)


def rows(metrics: dict[str, np.ndarray]) -> list[list[str]]:
    """A line for every agent: its buffer, its epsilon, mean and 95 % interval of the return over the seeds."""
    found = {name: interval(metrics[f"{name}_return"]) for name in NAMES}
    told = lambda size, schedule: [f"{BUFFERS[size]:,}", "1 to 0.05" if schedule == "falls" else "0.05"]
    return [[*told(*name.split("_")), f"{mean:.0f} ± {half:.0f}"] for name, (mean, half) in found.items()]


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5.5), layout="constrained")
    above, below = figure.subplots(2, height_ratios=[3, 1])
    moves = result.experiment.method.envs * result.history["t"]
    for name, colour in zip(NAMES, ("#1f77b4", "#2a9d8f", "#c0392b", "#e67e22"), strict=True):
        returns = result.history[f"{name}_return"]
        above.plot(moves, returns.mean(0), color=colour, lw=2.5, label=name.replace("_", " buffer, epsilon "))
    above.set_title("CartPole: return while learning, mean of the seeds", fontsize=13)
    above.set_xlabel("environment steps", fontsize=12)
    above.set_ylabel("return", fontsize=12)
    above.legend(fontsize=11)
    below.axis("off")
    table = below.table(rows(result.metrics), colLabels=["buffer", "epsilon", "return at the end"], loc="center")
    table.set_fontsize(12)
    table.scale(1, 1.4)
    return {"Two buffers by two schedules; below, the greedy policies at the end": figure}
