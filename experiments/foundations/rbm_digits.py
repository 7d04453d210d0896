"""Contrastive divergence on binary 8x8 digits, and the likelihood it reaches.

Log-likelihoods of test digits are in nats, with log Z by annealed importance sampling; `log_z_error` is its relative
standard error. Pixels that are independent, with the frequencies of the training digits, reach -24.6.

Run      python -m experiments foundations/rbm_digits
Expect   log_likelihood -17.3 ± 0.6 over 5 seeds
         log_likelihood >= -20 in 5 of 5 seeds
         pseudo_likelihood -12.6 ± 0.4 over 5 seeds
         log_z_error <= 0.1 over 5 seeds
Tour     log_likelihood in [-18.5, -16]
Cost     10 s
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Generator, Key, Metrics
from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.rbm import Config, Params, State, annealed_log_partition, free_energy, gibbs, rbm


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=128)
    steps: int = 6000
    batch: int = 20


def binary() -> tuple[np.ndarray, np.ndarray]:
    """Training and test digits, ink where there is more than half of it."""
    return tuple((x > 0.5).astype(np.float32) for x, _ in digits())


def likelihoods(key: Key, params: Params) -> tuple[Float[Array, "2"], Float[Array, ""]]:
    """Mean log p of training and test digits, and the relative standard error of Z."""
    parts = [jnp.asarray(x) for x in binary()]
    rates = (parts[0].sum(0) + 1) / (len(parts[0]) + 2)
    log_z, error = annealed_log_partition(key, params, rates)
    return jnp.stack([-free_energy(params, x).mean() - log_z for x in parts]), error


def task(experiment: Experiment, factory: Callable[[Config], Generator]) -> Task:
    x, test = binary()

    def measure(key: Key, state: State) -> Metrics:
        (_, held_out), error = likelihoods(key, state.params)
        return {"log_likelihood": held_out, "log_z_error": error}

    streams = epochs(x, experiment.batch), epochs(test, 360)
    return Task(factory(experiment.method), experiment.steps, *streams, measure=measure, chunk=500)


def build(experiment: Experiment) -> Task:
    return task(experiment, rbm)


def images(axes, rows: np.ndarray, columns: int, title: str, **colours) -> None:
    """8x8 images [n, 64] beside each other, a pixel apart."""
    tiles = np.pad(
        np.asarray(rows).reshape(-1, columns, 8, 8), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan
    )
    axes.imshow(tiles.transpose(0, 2, 1, 3).reshape(9 * len(tiles), 9 * columns), **colours)
    axes.set_title(title, fontsize=13)
    axes.set_axis_off()


def chains(key: Key, params: Params):
    """Eight chains that start at test digits, one a row, after 0, 1, 2, 5, 10, 100 and 1000 Gibbs steps."""
    from matplotlib.figure import Figure

    after, rows = (0, 1, 2, 5, 10, 100, 1000), jnp.asarray(binary()[1][:8])
    ends = [gibbs(key, params, rows, steps) for steps in after]
    figure = Figure(figsize=(9.6, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    strongest = np.argsort(-np.linalg.norm(params.weights, axis=0))[:56]
    limit = np.abs(params.weights).max() / 2
    images(left, params.weights.T[strongest], 7, "56 filters", cmap="RdBu_r", vmin=-limit, vmax=limit)
    images(right, np.stack(ends, 1), len(after), "Gibbs steps: " + ", ".join(map(str, after)), cmap="gray_r")
    return figure


def curve(result: Result):
    """The first seed once more, stopped where its likelihood is measured."""
    from matplotlib.figure import Figure

    points, found = np.unique(np.geomspace(50, result.task.steps, 10).astype(int)), []
    measure, state, key = jax.jit(likelihoods), None, result.keys[0]
    for start, stop in zip((0, *points[:-1]), points, strict=True):
        steps = int(stop - start)
        state, _ = train(key, result.task.method, result.task.stream, steps, state=state, start=int(start), chunk=500)
        found.append(measure(jax.random.key(0), state.params)[0])
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for values, label, style in zip(np.array(found).T, ("training digits", "test digits"), ("--", "-"), strict=True):
        axes.semilogx(points, values, style, marker="o", lw=2, label=label)
    axes.axhline(-24.6, color="gray", lw=1.5, ls=":", label="independent pixels")
    axes.set_xlabel("steps", fontsize=13)
    axes.set_ylabel("log-likelihood (nats)", fontsize=13)
    axes.legend(fontsize=12)
    axes.grid(alpha=0.3)
    return figure


def figures(result: Result) -> dict:
    return {
        "What hidden units look for (red: ink, blue: paper), and Gibbs chains from test digits, one a row": chains(
            jax.random.key(0), first_seed(result).params
        ),
        "Log-likelihood in the course of training, by annealed importance sampling": curve(result),
    }
