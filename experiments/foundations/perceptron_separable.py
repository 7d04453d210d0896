"""The perceptron on 200 points of the square [-1, 1]^2, none nearer than 0.1 to the line that separates the classes.

A seed is an order of the points. `bound` is Novikoff's (R / margin)^2 from the line that the points were made with;
`ratio` is the number of mistakes divided by it.

Run      python -m experiments foundations/perceptron_separable
Expect   accuracy 1 ± 0 over 5 seeds
         ratio <= 1 in 5 of 5 seeds
         mistakes 18 ± 10 over 5 seeds
Tour     accuracy in [1, 1]
Cost     5 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.foundations.perceptron import Config, mistake_bound, perceptron

WEIGHTS, BIAS = np.array([0.8, -0.6], np.float32), np.float32(0.2)  # the line; a unit normal


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    margin: float = 0.1
    points: int = 200
    steps: int = 300
    batch: int = 20


def separable(points: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """x [points, 2] uniform in the square but for a strip of 2 margin around the line, y in 0 and 1."""
    x = np.random.RandomState(0).uniform(-1, 1, (20 * points, 2)).astype(np.float32)
    distance = x @ WEIGHTS + BIAS
    kept = np.flatnonzero(abs(distance) >= margin)[:points]
    return x[kept], (distance[kept] > 0).astype(np.int32)


def bound_of(x, y):
    return mistake_bound(jnp.asarray(x), jnp.asarray(y), jnp.asarray(WEIGHTS), jnp.asarray(BIAS))


def build(experiment: Experiment) -> Task:
    data = separable(experiment.points, experiment.margin)

    def measure(key, state):
        bound = bound_of(*data)
        return {"bound": bound, "ratio": state.mistakes / bound}

    method = perceptron(experiment.method)
    stream = epochs(data, experiment.batch)
    return Task(method, experiment.steps, stream, epochs(data, experiment.points), measure=measure, chunk=10)


def figures(result: Result) -> dict:
    return {
        "The points, the lines that were found, and the margin": lines(result),
        "Mistakes against the margin, and the bound": margins(result),
    }


def lines(result: Result):
    from matplotlib.figure import Figure

    x, y = separable(result.experiment.points, result.experiment.margin)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    for label, colour, marker in ((0, "#1f77b4", "o"), (1, "#ff7f0e", "^")):
        axes.scatter(*x[y == label].T, color=colour, marker=marker, s=26, label=f"class {label}")
    along = np.linspace(-1.1, 1.1, 2)
    line = lambda w, b: -(w[0] * along + b) / w[1]
    margin = result.experiment.margin
    axes.fill_between(
        along, line(WEIGHTS, BIAS - margin), line(WEIGHTS, BIAS + margin), color="#cccccc", label="margin"
    )
    for seed in range(len(result.keys)):
        w, b = result.state.weights[seed], result.state.bias[seed]
        axes.plot(along, line(w, b), color="#2ca02c", lw=1.6, label=None if seed else "perceptron, each seed")
    axes.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal")
    axes.set_xlabel("x$_1$", fontsize=12)
    axes.set_ylabel("x$_2$", fontsize=12)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=11, loc="outside upper center", ncols=4)
    return figure


def margins(result: Result):
    """Of every seed, trained to the end on sets with other margins."""
    from matplotlib.figure import Figure

    experiment, method = result.experiment, result.task.method
    widths, counts, bounds = (0.4, 0.2, 0.1, 0.05, 0.025), [], []
    for width in widths:
        data = separable(experiment.points, width)
        stream = epochs(data, experiment.batch)
        state, _ = train(jax.random.clone(result.keys), method, stream, 3000, chunk=1000)
        counts.append(np.asarray(state.mistakes))
        bounds.append(float(bound_of(*data)))
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(widths, bounds, "k--", lw=2, label="bound (R / margin)$^2$")
    axes.plot(widths, counts, "o", color="#2ca02c", ms=6, alpha=0.7)
    axes.plot([], [], "o", color="#2ca02c", ms=6, label="mistakes, each seed")
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(widths, [f"{w:g}" for w in widths], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("least distance of a point from the line", fontsize=12)
    axes.set_ylabel("mistakes", fontsize=12)
    axes.legend(fontsize=12)
    axes.grid(alpha=0.3)
    return figure
