"""One digit against the nine others, with one sigmoid at the end.

Who never says eight is right about nine digits in ten: what counts is also `recall`, the share of the eights that are
found, and `precision`, the share of eights among what is said to be one.

Run      python -m experiments foundations/mlp_binary_digits
Expect   accuracy 0.98 ± 0.008 over 5 seeds
         accuracy >= 0.96 in 5 of 5 seeds
         recall 0.87 ± 0.05 over 5 seeds
         precision 0.95 ± 0.04 over 5 seeds
Tour     accuracy in [0.95, 1]
Cost     5 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp_binary


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    digit: int = 8
    steps: int = 1000
    batch: int = 64


def build(experiment: Experiment) -> Task:
    (x, y), (x_test, y_test) = digits()
    asked = lambda y: (y == experiment.digit).astype(np.int32)
    method = mlp_binary(experiment.method)

    def measure(key: Key, state: Fit) -> dict:
        said, true = method.predict(state, jnp.asarray(x_test))[:, 0] > 0, y_test == experiment.digit
        found = (said & true).sum()
        return {"recall": found / true.sum(), "precision": found / jnp.maximum(said.sum(), 1)}

    held_out = epochs((x_test, asked(y_test)), 360)
    return Task(method, experiment.steps, epochs((x, asked(y)), experiment.batch), held_out, measure=measure)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    x, y = digits().test
    logits = np.asarray(jax.vmap(result.task.method.predict, (0, None))(result.state, jnp.asarray(x)))[..., 0]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.boxplot([logits[:, y == digit].ravel() for digit in range(10)], positions=range(10), showfliers=True)
    axes.axhline(0, color="black", linewidth=1)
    axes.set_xlabel("true digit", fontsize=12)
    axes.set_ylabel(f"log-odds of the digit {result.experiment.digit}", fontsize=12)
    axes.set_title(f"Above the line: taken for the digit {result.experiment.digit} (seeds: {len(logits)})", fontsize=13)
    axes.grid(alpha=0.3, axis="y")
    return {"Log-odds of the digit that is asked for, by the digit that is shown": figure}
