"""A ReLU network of twenty layers on the digits, from five initialisations.

All five see the same batches and take the same steps of plain gradient descent. Small normal weights (variance 0.0001)
lose the signal at every layer and learn nothing, xavier's lose half of its second moment at every ReLU and hardly
begin, he's and orthogonal ones keep it and learn. `fading_*` is the factor, at the start, by which the deviation of the
activations changes from one layer to the next; `active_*` is the share of the hidden units that are on at the start.

Run      python -m experiments foundations/initialisation_digits
Expect   accuracy_normal_small <= 0.12 in 5 of 5 seeds
         accuracy_xavier <= 0.3 in 5 of 5 seeds
         accuracy_he 0.915 ± 0.035 over 5 seeds
         accuracy_orthogonal 0.935 ± 0.045 over 5 seeds
         fading_normal_small 0.057 ± 0.003 over 5 seeds
         fading_xavier 0.71 ± 0.03 over 5 seeds
         fading_he 1 ± 0.04 over 5 seeds
         active_he 0.5 ± 0.025 over 5 seeds
         active_he_bias 0.537 ± 0.025 over 5 seeds
Tour     accuracy_he in [0.3, 1] with --steps 300
Cost     30 s
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.initialisation import (
    Config,
    Start,
    activations,
    he,
    initialisation,
    jacobian,
    layers,
    normal_small,
    relu_isometry,
    small_bias,
    xavier,
)

PIXELS = 64
SHOWN = 20  # singular values; those below are lost in the rounding of the first ones
STARTS = {
    "normal_small": Start(normal_small),
    "xavier": Start(xavier),
    "he": Start(he),
    "he_bias": Start(he, small_bias),
    "orthogonal": Start(relu_isometry),
}
LABELS = {
    "normal_small": "small normal",
    "xavier": "Xavier",
    "he": "He",
    "he_bias": "He, bias 0.1",
    "orthogonal": "orthogonal √2",
}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 800
    batch: int = 32


def at_start(key: Key, start: Start, depth: int) -> tuple:
    """(deviation of the activations [l], share of units that are on [l], Jacobian at one digit [64, 64])."""
    x = jnp.asarray(digits().test[0])
    hidden = layers(key, start, depth, PIXELS)
    h = activations(hidden, x)
    largest = h.max((1, 2))  # or the squares of what is left after twenty layers would underflow
    deviation = largest * (h / largest[:, None, None]).std((1, 2))
    return deviation, (h > 0).mean((1, 2)), jacobian(hidden, x[0])


def build(experiment: Experiment) -> Task:
    train, test = digits()

    def measure(key: Key, state: Fit) -> dict:
        found = {}
        for name, start in STARTS.items():
            deviation, active, _ = at_start(jax.random.clone(key), start, experiment.method.depth)
            found[f"fading_{name}"] = (deviation[-1] / deviation[0]) ** (1 / (experiment.method.depth - 1))
            found[f"active_{name}"] = active.mean()
        return found

    method = initialisation(experiment.method, 10, STARTS)
    stream = epochs(train, experiment.batch)
    return Task(method, experiment.steps, stream, epochs(test, 360), measure=measure, chunk=50)


def figures(result: Result) -> dict:
    starts = {}
    for name, start in STARTS.items():
        one = jax.jit(partial(at_start, start=start, depth=result.experiment.method.depth))
        starts[name] = [np.stack(found) for found in zip(*map(one, result.keys), strict=True)]
    return {
        "What becomes of the digits on the way through twenty layers, before the first step": signal_figure(starts),
        "Learning from five initialisations, on the same batches": learning_figure(result),
    }


def signal_figure(starts: dict):
    """Deviation by depth, active units by depth, and the spectrum of the Jacobian; means over the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.2), layout="constrained")
    fading, active, spectrum = figure.subplots(1, 3)
    for name, (deviation, on, slopes) in starts.items():
        style = {"label": LABELS[name], "linewidth": 2.2, "linestyle": "--" if name == "he_bias" else "-"}
        depth = np.arange(1, deviation.shape[1] + 1)
        (line,) = fading.semilogy(depth, np.exp(np.log(deviation).mean(0)), **style)
        if name in ("he", "he_bias"):  # the share is the same at every variance of the weights
            active.plot(depth, 100 * on.mean(0), color=line.get_color(), **style)
        values = np.linalg.svd(slopes.astype(float), compute_uv=False)[:, :SHOWN]
        spectrum.semilogy(np.arange(1, SHOWN + 1), np.median(values, 0), **style)
    fading.set(xlabel="layer", ylabel="deviation of the activations")
    active.set(xlabel="layer", ylabel="units that are on (%)", ylim=(40, 70))
    spectrum.set(xlabel="rank (of 64)", ylabel="singular value of the Jacobian")
    for axes, title in zip((fading, active, spectrum), ("Signal", "Active units", "Gradient"), strict=True):
        axes.set_title(title, fontsize=14)
        axes.xaxis.label.set_size(12)
        axes.yaxis.label.set_size(12)
        axes.grid(alpha=0.3)
    fading.legend(fontsize=11)
    return figure


def learning_figure(result: Result):
    """Accuracy on the training batches; the line is the mean over the seeds, the band their range."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for name in STARTS:
        accuracy = 100 * result.history[f"accuracy_{name}"]
        style = "--" if name == "he_bias" else "-"
        (line,) = axes.plot(result.history["t"], accuracy.mean(0), style, linewidth=2.2, label=LABELS[name])
        axes.fill_between(result.history["t"], accuracy.min(0), accuracy.max(0), alpha=0.2, color=line.get_color())
    axes.set_xlabel("steps of gradient descent", fontsize=12)
    axes.set_ylabel("accuracy on the batches (%)", fontsize=12)
    axes.set_ylim(0, 102)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11)
    return figure
