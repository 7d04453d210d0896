"""A perceptron that reads 97 % of the digits, and what is left of it under the fast gradient sign method.

Run      python -m experiments robustness/fgsm_digits
Expect   accuracy 0.975 ± 0.01 over 5 seeds
         accuracy_eps_0_1 0.42 ± 0.06 over 5 seeds
         accuracy_eps_0_2 <= 0.08 in 5 of 5 seeds
Tour     accuracy_eps_0_1 in [0.3, 0.5]
Cost     5 s
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp
from jaxicon.robustness.fgsm import accuracy, fgsm, random_sign


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 2000
    batch: int = 64
    epsilons: tuple[float, ...] = (0.05, 0.1, 0.2)  # of a grey scale from 0 to 1


def build(experiment: Experiment) -> Task:
    train, test = digits()
    method = mlp(experiment.method, classes=10)

    def measure(key, state):
        predict = lambda x: method.predict(state, x)
        name = lambda epsilon: f"accuracy_eps_{epsilon:g}".replace(".", "_")
        return {name(e): accuracy(predict, fgsm(predict, *test, e), test[1]) for e in experiment.epsilons}

    return Task(method, experiment.steps, epochs(train, experiment.batch), epochs(test, 360), measure=measure)


def figures(result: Result) -> dict:
    return {
        "Accuracy under attack: chance is 10 %": curves(result),
        "Attacked digits, all read rightly before": images(result),
    }


def curves(result: Result):
    """Accuracy against epsilon: the mean over the seeds, and their range."""
    from matplotlib.figure import Figure

    x, y = digits().test
    epsilons = np.linspace(0, 0.3, 16)

    def under(change: Callable) -> np.ndarray:
        """[seeds, epsilons] of change(predict, epsilon) -> images."""

        def score(state, epsilon):
            predict = lambda x: result.task.method.predict(state, x)
            return accuracy(predict, change(predict, epsilon), y)

        return np.asarray(jax.jit(jax.vmap(jax.vmap(score, (None, 0)), (0, None)))(result.state, epsilons))

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    noise = under(lambda _, epsilon: random_sign(jax.random.key(0), x, epsilon))
    attack = under(lambda predict, epsilon: fgsm(predict, x, y, epsilon))
    for label, scores, colour in (("random signs", noise, "C0"), ("gradient signs", attack, "C3")):
        axes.plot(epsilons, 100 * scores.mean(0), "o-", color=colour, label=label)
        axes.fill_between(epsilons, 100 * scores.min(0), 100 * scores.max(0), color=colour, alpha=0.2)
    axes.set(xlabel="ε: change of every pixel (grey scale 0 to 1)", ylabel="test accuracy (%)", ylim=(0, 100))
    axes.set_title(f"The same ε, two directions ({len(attack)} seeds: mean, range)")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def images(result: Result, epsilon: float = 0.1, count: int = 6):
    """Digits, what is added to them, and what is read afterwards."""
    from matplotlib.figure import Figure

    x, y = digits().test
    predict = lambda x: result.task.method.predict(first_seed(result), x)
    attacked = np.asarray(fgsm(predict, x, y, epsilon))
    before, after = (np.asarray(predict(images).argmax(-1)) for images in (x, attacked))
    shown = np.flatnonzero((before == y) & (after != y))[:count]
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    figure.suptitle(f"FGSM, ε = {epsilon}: read before, change (±ε), read after")
    for column, i in zip(figure.subplots(3, count, squeeze=False).T, shown, strict=False):
        rows = (x[i], 0, 1), (attacked[i] - x[i], -epsilon, epsilon), (attacked[i], 0, 1)
        for axes, (image, low, high), title in zip(column, rows, (before[i], None, after[i]), strict=True):
            axes.imshow(image.reshape(8, 8), cmap="gray_r" if low == 0 else "RdBu_r", vmin=low, vmax=high)
            axes.set(xticks=[], yticks=[])
            axes.set_title("" if title is None else f"{title}", fontsize=14, color="C3" if axes is column[2] else "k")
    return figure
