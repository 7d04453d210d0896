"""Regression from features: how far diabetes goes in a year, by a small perceptron and by least squares.

In 332 patients there is little to find beyond a linear map: least squares (`least_squares` is its r_squared) is not
beaten on new patients, and by a single network not reached: the `shortfall` varies with its start. Width and steps were
chosen by four-fold cross-validation within the training set, where least squares explains 0.503 of the variance and the
perceptron 0.499; training on makes it worse. Errors are in deviations of y, of which one is 77 points of the score.

Run      python -m experiments foundations/mlp_diabetes
Expect   r_squared 0.325 ± 0.045 over 5 seeds
         least_squares 0.359 ± 0.001 over 5 seeds
         shortfall <= 0.08 over 5 seeds
Tour     r_squared in [0.2, 0.45]
Cost     3 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import epochs
from jaxicon.data.diabetes import diabetes
from jaxicon.foundations.mlp import Config, mlp_regression


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(128,))
    steps: int = 150
    batch: int = 32


def least_squares(x: np.ndarray) -> np.ndarray:
    """What a linear map with an intercept, fitted to the training set, predicts."""
    patients, y = diabetes().train
    with_one = lambda x: np.column_stack([x, np.ones(len(x))])
    return with_one(x) @ np.linalg.lstsq(with_one(patients), y)[0]


def build(experiment: Experiment) -> Task:
    data = diabetes()
    method = mlp_regression(experiment.method)
    x, y = data.test
    linear = least_squares(x)

    def measure(key: Key, state: Fit) -> dict:
        explained = lambda prediction: 1 - jnp.square(y - prediction).mean() / y.var()
        found = {
            "r_squared": explained(method.predict(state, jnp.asarray(x))[:, 0]),
            "least_squares": explained(linear),
        }
        return found | {"shortfall": found["least_squares"] - found["r_squared"]}

    stream, held_out = epochs(data.train, experiment.batch), epochs(data.test, 110)
    return Task(method, experiment.steps, stream, held_out, measure=measure, chunk=20)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    x, y = diabetes().test
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    ours = np.asarray(result.task.method.predict(first_seed(result), jnp.asarray(x))[:, 0])
    panels = {
        f"Perceptron: R² {result.metrics['r_squared'][0]:.2f}": ours,
        f"Least squares: R² {result.metrics['least_squares'][0]:.2f}": least_squares(x),
    }
    for axes, (title, prediction) in zip(figure.subplots(1, 2, sharey=True), panels.items(), strict=True):
        axes.scatter(prediction, y, s=22, alpha=0.7)
        axes.plot([-2, 2], [-2, 2], color="black", linewidth=1, label="predicted = true")
        axes.set_title(title, fontsize=14)
        axes.set_xlabel("predicted (deviations)", fontsize=12)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("true (deviations)", fontsize=12)
    figure.axes[0].legend(fontsize=11)
    return {"Progress of the disease in 110 new patients, in the first seed": figure}
