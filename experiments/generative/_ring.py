"""What the experiments on the ring of Gaussians share: the measurement and the pictures of samples."""

from collections.abc import Callable

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.task import Result
from jaxicon.core.method import Generator, Key, Metrics, State
from jaxicon.data.ring import centres, mode_statistics

SAMPLES = 2500


def measure(method: Generator) -> Callable[[Key, State], Metrics]:
    """quality, modes and kl of 2,500 samples."""
    return lambda key, state: mode_statistics(method.sample(key, state, SAMPLES))


def seed(state: State, i: int) -> State:
    return jax.tree.map(lambda x: x[i], state)


def scatter(axes: Axes, points: np.ndarray) -> None:
    """Samples as dots, the centres of the data's modes as crosses."""
    axes.plot(*points.T, ".", markersize=3, alpha=0.5)
    axes.plot(*np.asarray(centres()).T, "x", color="black", markersize=9, markeredgewidth=2)
    axes.set(xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")
    axes.set_xlabel("$x_1$", fontsize=13)
    axes.set_ylabel("$x_2$", fontsize=13)


def samples_figure(result: Result) -> Figure:
    """A panel of samples for each of the first six seeds, three a row."""
    count = min(len(result.keys), 6)
    rows, columns = -(-count // 3), min(count, 3)
    figure = Figure(figsize=(3.6 * columns, 4 * rows), layout="constrained")
    sample = jax.jit(result.task.method.sample, static_argnums=2)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if i >= count:
            axes.set_axis_off()
            continue
        scatter(axes, np.asarray(sample(result.keys[i], seed(result.state, i), SAMPLES)))
        modes, quality = int(result.metrics["modes"][i]), result.metrics["quality"][i]
        axes.set_title(f"seed {i + 1}: {modes} of 8 modes\n{quality:.0%} within 3 std", fontsize=14)
    return figure
