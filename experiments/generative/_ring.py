"""What the experiments on the ring of Gaussians share: the measurement and the pictures of samples."""

from collections.abc import Callable

import jax
import numpy as np

from experiments.task import Result
from jaxicon.core.method import Generator, Key, Metrics, State
from jaxicon.data.ring import STD, centres, mode_statistics

SAMPLES = 2500


def measure(method: Generator) -> Callable[[Key, State], Metrics]:
    """quality, modes and kl of 2,500 samples."""
    return lambda key, state: mode_statistics(method.sample(key, state, SAMPLES))


def scatter(axes, points: np.ndarray, color: str) -> None:
    """Samples as dots; a circle of three standard deviations around the centre of every mode of the data."""
    from matplotlib.patches import Circle

    axes.plot(*points.T, ".", markersize=3, alpha=0.5, color=color)
    for centre in np.asarray(centres()):
        axes.add_patch(Circle(centre, 3 * STD, fill=False, edgecolor="black", linewidth=1.2))
    axes.set(xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")
    axes.set_xlabel("$x_1$", fontsize=13)
    axes.set_ylabel("$x_2$", fontsize=13)


def samples_figure(result: Result):
    """A panel of samples for each of the first six seeds, three a row."""
    from matplotlib.figure import Figure

    count = min(len(result.keys), 6)
    rows, columns = -(-count // 3), min(count, 3)
    figure = Figure(figsize=(3.6 * columns, 4 * rows), layout="constrained")
    sample = jax.jit(result.task.method.sample, static_argnums=2)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if i >= count:
            axes.set_axis_off()
            continue
        state = jax.tree.map(lambda x: x[i], result.state)
        scatter(axes, np.asarray(sample(result.keys[i], state, SAMPLES)), "tab:blue")
        modes, quality = int(result.metrics["modes"][i]), result.metrics["quality"][i]
        axes.set_title(f"seed {i + 1}: {modes} of 8 modes\n{quality:.0%} within 3 std", fontsize=14)
    return figure
