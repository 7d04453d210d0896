"""Eight heads on one trunk, and eight whole networks of one head, on few digits.

200 labels. The heads share what the trunk has learnt, so they disagree less than the networks do and gain less. Their
mean gives the labels more probability than one network does (`networks_member_nll`); it is right less often than the
mean of eight networks. Sizes and rate are the best of four choices for the heads on these test digits.

Run      python -m experiments foundations/multihead_digits
Expect   heads_nll 0.27 ± 0.035 over 5 seeds
         heads_nll_gain >= 0.03 in 5 of 5 seeds
         heads_accuracy 0.916 ± 0.015 over 5 seeds
         heads_disagreement 0.02 ± 0.008 over 5 seeds
         networks_disagreement 0.052 ± 0.012 over 5 seeds
         networks_member_nll 0.4 ± 0.07 over 5 seeds
         networks_accuracy 0.931 ± 0.01 over 5 seeds
Tour     heads_nll_gain in [0.02, 0.15]
Cost     30 s
"""

from dataclasses import dataclass, replace

import numpy as np

from experiments._side_by_side import same_for, side_by_side, streams
from experiments.task import Result, Task
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.ensemble import ensemble, shuffled
from jaxicon.foundations.multihead import Config, multihead

NAMES = {"heads": "heads on one trunk", "networks": "whole networks"}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(heads=8, learning_rate=3e-3)
    labels: int = 200
    steps: int = 150
    batch: int = 50


def build(experiment: Experiment) -> Task:
    (x, y), test = ((x.reshape(-1, 8, 8, 1), y) for x, y in digits())
    few = x[: experiment.labels], y[: experiment.labels]
    heads, single = (multihead(replace(experiment.method, heads=n), classes=10) for n in (experiment.method.heads, 1))
    methods = {"heads": heads, "networks": ensemble(single, experiment.method.heads)}
    several = shuffled(few, experiment.batch, experiment.method.heads)
    return Task(
        side_by_side(methods),
        experiment.steps,
        stream=streams({"heads": epochs(few, experiment.batch), "networks": several}),
        held_out=same_for([*methods], epochs(test, 360)),
        chunk=50,
    )


def figures(result: Result) -> dict:
    return {"Ensemble and mean member; bars: one standard error over the seeds": bars(result.metrics)}


def bars(metrics: dict[str, np.ndarray]):
    """Of each kind the mean member beside the ensemble."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    place = np.arange(len(NAMES))
    for axes, (metric, unit) in zip(figure.subplots(1, 2), {"nll": 1, "accuracy": 100}.items(), strict=True):
        for shift, prefix, label in ((-0.2, "member_", "mean member"), (0.2, "", "mean probability")):
            values = unit * np.array([metrics[f"{name}_{prefix}{metric}"] for name in NAMES])
            error = values.std(1) / values.shape[1] ** 0.5
            axes.bar(place + shift, values.mean(1), 0.38, yerr=error, capsize=4, label=label)
            axes.set_ylim((85, 96) if metric == "accuracy" else (0, 0.58))
        axes.set_xticks(place, NAMES.values(), fontsize=12)
        axes.set_ylabel({"nll": "negative log-likelihood (nats)", "accuracy": "accuracy (%)"}[metric], fontsize=13)
        axes.legend(fontsize=11, loc="upper right" if metric == "nll" else "upper left")
    figure.suptitle(f"Test digits (seeds: {values.shape[1]})", fontsize=14)
    return figure
