"""A perceptron on 400 digits of which three in ten have a wrong label, stopped early and trained to the end.

Both see the same batches from the same start; an epoch is 8 minibatches. 200 other digits, labelled rightly, say when
to stop: 10 epochs in a row without a smaller loss. `stopped_loss` is the test loss of the restored parameters,
`last_loss` that after all 100 epochs, when the net has learned wrong labels by heart; `gain` is their difference.
`free_loss` is that of the least validation loss of all 100 epochs: stopping has missed none.

Run      python -m experiments foundations/early_stopping_digits
Expect   gain >= 0.2 in 5 of 5 seeds
         stopped_loss 0.59 ± 0.05 over 5 seeds
         last_loss 1.04 ± 0.2 over 5 seeds
         stopped_accuracy 0.896 ± 0.025 over 5 seeds
         last_accuracy 0.726 ± 0.04 over 5 seeds
         epoch <= 60 in 5 of 5 seeds
Tour     gain in [0.1, 1.5]
Cost     10 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.data.digits import digits
from jaxicon.foundations import mlp as perceptron
from jaxicon.foundations.early_stopping import Config, early_stopping, validated

NAMES = ["stopped", "free"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    net: perceptron.Config = perceptron.Config(learning_rate=3e-3)
    steps: int = 100  # epochs
    batch: int = 50
    examples: int = 400
    wrong: float = 0.3  # share of labels that are replaced by another one


def data(experiment: Experiment):
    """(train, validation), each (x, y), with some labels of the first replaced."""
    (x, y), _ = digits()
    draw, n = np.random.default_rng(0), experiment.examples
    shifted = (y[:n] + draw.integers(1, 10, n)) % 10
    noisy = np.where(draw.uniform(size=n) < experiment.wrong, shifted, y[:n]).astype(np.int32)
    return (x[:n], noisy), (x[n : n + 200], y[n : n + 200])


def build(experiment: Experiment) -> Task:
    net = perceptron.mlp(experiment.net, classes=10)
    never = Config(patience=experiment.steps + 1, metric=experiment.method.metric)
    methods = {"stopped": early_stopping(experiment.method, net), "free": early_stopping(never, net)}
    train, validation = data(experiment)
    test = jax.tree.map(np.asarray, digits().test)

    def measure(key, state):
        restored, last = (net.evaluate(key, s, test) for s in (state["stopped"].restored, state["free"].current))
        when = {name: getattr(state["stopped"], name).astype(float) for name in ("epoch", "best_epoch")}
        gain = {"gain": last["loss"] - restored["loss"]}
        return {"last_loss": last["loss"], "last_accuracy": last["accuracy"]} | gain | when

    return Task(
        side_by_side(methods),
        experiment.steps,
        same_for(NAMES, validated(train, validation, experiment.batch)),
        same_for(NAMES, validated(train, test, experiment.batch)),
        measure=measure,
        chunk=1,
    )


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes, t = figure.subplots(), result.history["t"]
    for name, label, colour in (("free_loss", "training", "C0"), ("free_validation_loss", "validation", "C1")):
        axes.plot(t, result.history[name][0], color=colour, lw=2.5, label=label)
    best, stop = (int(result.metrics[name][0]) for name in ("best_epoch", "epoch"))
    least = result.history["free_validation_loss"][0][best - 1]
    axes.plot(best, least, "o", ms=11, color="k", label=f"restored: epoch {best}")
    axes.axvline(stop, color="k", ls="--", lw=2, label=f"training stops: epoch {stop}")
    axes.tick_params(labelsize=11)
    axes.set_xlabel("epoch", fontsize=13)
    axes.set_ylabel("cross-entropy (nats)", fontsize=13)
    axes.set_ylim(bottom=0)
    axes.set_title("What training to the end would have done, seed 1", fontsize=14)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=12)
    return {"Loss by epoch, and where early stopping steps in": figure}
