"""Bias and variance of polynomials of degree 0 to 9, and of a perceptron, fitted to 25 noisy points of a sine.

Every seed draws 200 data sets from y = sin(pi x) + N(0, 0.3^2), x uniform in [-1, 1], and fits all learners to each.
`bias2_`, `variance_` and `error_` are means over 50 points of [-1, 1]; 0, 3 and 9 are degrees, of which 3 has the least
error in every seed. At degree 0 bias^2 is the mean of f^2, 0.49. The perceptron has 32 hidden units, more parameters
than a data set has points, and is trained for 300 steps. `gap` is between the error and the sum of its parts.

Run      python -m experiments foundations/bias_variance_sines
Expect   bias2_0 0.49 ± 0.005 over 5 seeds
         bias2_9 <= 0.02 in 5 of 5 seeds
         variance_0 0.022 ± 0.01 over 5 seeds
         variance_9 0.32 ± 0.12 over 5 seeds
         variance_9 >= 0.1 in 5 of 5 seeds
         best_degree 3 ± 0 over 5 seeds
         error_3 0.029 ± 0.004 over 5 seeds
         error_perceptron 0.03 ± 0.005 over 5 seeds
         gap <= 1e-6 in 5 of 5 seeds
Tour     best_degree in [3, 3]
Cost     15 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.foundations.bias_variance import (
    Config,
    bias_variance,
    decomposition,
    polynomial_ridge,
    resample,
    tanh_network,
)

DEGREES, NOISE = range(10), 0.3
POINTS = jnp.linspace(-1, 1, 50)


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 5
    examples: int = 25  # of a data set
    penalty: float = 1e-2
    hidden: int = 32
    learning_rate: float = 1e-2
    training: int = 300  # steps of the perceptron


def f(x):
    return jnp.sin(jnp.pi * x)


def sample(experiment: Experiment):
    def draw(key):
        x_key, noise_key = jax.random.split(key)
        x = jax.random.uniform(x_key, (experiment.examples,), minval=-1.0)
        return x, f(x) + NOISE * jax.random.normal(noise_key, x.shape)

    return draw


def learners(experiment: Experiment) -> list:
    """A fit for each degree, and the perceptron's."""
    polynomials = [polynomial_ridge(POINTS, degree, experiment.penalty) for degree in DEGREES]
    return [*polynomials, tanh_network(POINTS, (experiment.hidden,), experiment.learning_rate, experiment.training)]


def all_of(fits: list):
    """One fit of the predictions [learners, points]."""
    return lambda key, data: jnp.stack([fit(key, data) for fit in fits])


def build(experiment: Experiment) -> Task:
    fits = learners(experiment)
    truth = jnp.broadcast_to(f(POINTS)[None], (len(fits), len(POINTS)))

    def measure(key, state):
        parts = {name: part.mean(1) for name, part in decomposition(state, truth).items()}
        names = {0: "0", 3: "3", 9: "9", len(fits) - 1: "perceptron"}
        best = {"best_degree": parts["error"][: len(DEGREES)].argmin().astype(float)}
        return {f"{part}_{name}": values[i] for part, values in parts.items() for i, name in names.items()} | best

    method = bias_variance(experiment.method, sample(experiment), all_of(fits), truth)
    return Task(method, experiment.steps, measure=measure, chunk=1)


def parts_figure(parts: dict):
    """Parts [seeds, learners] against the degree; the perceptron's stand to the right of them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes, count = figure.subplots(), len(DEGREES)
    for name, label, colour in (("bias2", "bias$^2$", "C0"), ("variance", "variance", "C1"), ("error", "error", "k")):
        mean = parts[name].mean(0)
        axes.plot(DEGREES, mean[:count], "o-", lw=2.5, color=colour, label=label)
        axes.plot(count + 1, mean[count], "o", ms=8, color=colour)
    axes.set_xticks([*DEGREES, count + 1], [*map(str, DEGREES), "perceptron"], fontsize=12)
    axes.set_yscale("log")
    axes.set_xlabel("degree of the polynomial", fontsize=13)
    axes.set_ylabel("mean over [-1, 1]", fontsize=13)
    axes.set_title(f"Error = bias$^2$ + variance (seeds: {len(parts['error'])})", fontsize=14)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=12)
    return figure


def fan_figure(curves: np.ndarray, titles: list[str]):
    """Predictions [learners, data sets, points], a panel for each learner."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 6.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, fitted, title in zip(panels.ravel(), curves, titles, strict=True):
        axes.plot(POINTS, fitted.T, color="C0", lw=0.8, alpha=0.35)
        axes.plot(POINTS, f(POINTS), "k", lw=2.5, label="f")
        axes.plot(POINTS, fitted.mean(0), "C1--", lw=2.5, label="mean of the fits")
        axes.set_title(title, fontsize=14)
        axes.set(ylim=(-2.2, 2.2), xticks=(-1, -0.5, 0, 0.5, 1))
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.3)
    panels[0, 0].legend(fontsize=12)
    for axes in panels[1]:
        axes.set_xlabel("x", fontsize=13)
    for axes in panels[:, 0]:
        axes.set_ylabel("y", fontsize=13)
    return figure


def figures(result: Result) -> dict:
    fits = learners(result.experiment)
    truth = jnp.broadcast_to(f(POINTS), result.state.mean.shape[1:])
    parts = {name: part.mean(2) for name, part in jax.vmap(decomposition, (0, None))(result.state, truth).items()}
    shown = [fits[0], fits[3], fits[9], fits[-1]]
    draw = jax.jit(lambda key: resample(key, sample(result.experiment), all_of(shown), 40))
    curves = np.asarray(draw(result.keys[0])).swapaxes(0, 1)
    return {
        "What the error is made of, by degree": parts_figure(parts),
        "Fits to 40 data sets each": fan_figure(curves, ["degree 0", "degree 3", "degree 9", "perceptron"]),
    }
