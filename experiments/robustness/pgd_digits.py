"""A perceptron that reads 97 % of the digits, under many small steps of its gradient and, for comparison, under one.

At the same ε in every pixel, `pgd_*` is the accuracy left by 40 projected steps, the worst of 5 random starts, and
`fgsm_*` what the fast gradient sign method leaves. `robust_loss` is the mean loss at the last ε, `gain` how much it is
above that of the fast gradient sign method.
`pgd_l2` is the accuracy left by a change of the same length, last ε times 8, that need not be the same in every pixel;
`targeted` is the share of digits that are read as the next higher digit when they are led there, at the last ε.

Run      python -m experiments robustness/pgd_digits
Expect   accuracy 0.975 ± 0.01 over 5 seeds
         fgsm_0_1 0.42 ± 0.06 over 5 seeds
         pgd_0_1 0.35 ± 0.05 over 5 seeds
         gain >= 0.25 in 5 of 5 seeds
         pgd_l2 0.06 ± 0.03 over 5 seeds
         targeted 0.17 ± 0.04 over 5 seeds
Tour     pgd_0_1 in [0.25, 0.45]
Cost     15 s
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp
from jaxicon.robustness.fgsm import accuracy, fgsm, losses
from jaxicon.robustness.pgd import Ball, Objective, away_from, l2, l_infinity, pgd, robust_loss, strongest, towards

LENGTH = 8.0  # of a change of one in all of the 64 pixels


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 2000
    batch: int = 64
    epsilons: tuple[float, ...] = (0.05, 0.1)  # of a grey scale from 0 to 1
    attack_steps: int = 40
    reach: float = 2.5  # of all steps together, in ε: from any start to any point of the ball, and on
    restarts: int = 5


def attack(experiment: Experiment, key: Key, objective: Objective, x, epsilon: float, ball: Ball = l_infinity):
    """The worst of several random starts, for every image."""
    step_size = experiment.reach * epsilon / experiment.attack_steps
    once = lambda key: pgd(key, objective, x, epsilon, step_size, experiment.attack_steps, ball)
    return strongest(objective, jax.lax.map(once, jax.random.split(key, experiment.restarts)))


def build(experiment: Experiment) -> Task:
    train, (x, y) = digits()
    method = mlp(experiment.method, classes=10)
    last = experiment.epsilons[-1]

    def measure(key, state):
        predict, found = partial(method.predict, state), {}
        against, at = partial(attack, experiment, key, x=x), away_from(predict, y)
        for epsilon in experiment.epsilons:
            name = f"{epsilon:g}".replace(".", "_")
            found[f"fgsm_{name}"] = accuracy(predict, fgsm(predict, x, y, epsilon), y)
            found[f"pgd_{name}"] = accuracy(predict, against(at, epsilon=epsilon), y)
        worst = robust_loss(method.predict, state, y, partial(against, epsilon=last))
        return found | {
            "robust_loss": worst,
            "gain": worst - losses(predict, fgsm(predict, x, y, last), y).mean(),
            "pgd_l2": accuracy(predict, against(at, epsilon=LENGTH * last, ball=l2), y),
            "targeted": accuracy(predict, against(towards(predict, (y + 1) % 10), epsilon=last), (y + 1) % 10),
        }

    return Task(method, experiment.steps, epochs(train, experiment.batch), epochs((x, y), 360), measure=measure)


def figures(result: Result) -> dict:
    return {
        "Accuracy under attack: chance is 10 %": curves(result),
        "Digits that one step leaves and many steps take": images(result),
    }


def curves(result: Result):
    """Accuracy against epsilon by one step and by many: the mean over the seeds, and their range."""
    from matplotlib.figure import Figure

    x, y = digits().test
    epsilons = np.linspace(0, 0.2, 11)
    predictor = lambda state: partial(result.task.method.predict, state)
    many = lambda predict, epsilon: attack(result.experiment, jax.random.key(0), away_from(predict, y), x, epsilon)

    def under(change: Callable) -> np.ndarray:
        """[seeds, epsilons] of change(predict, epsilon) -> images."""
        one = lambda state, epsilon: accuracy(predictor(state), change(predictor(state), epsilon), y)
        return np.asarray(jax.jit(jax.vmap(lambda state: jax.lax.map(partial(one, state), epsilons)))(result.state))

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    one_step = under(lambda predict, epsilon: fgsm(predict, x, y, epsilon))
    for label, scores, colour in (("one step (FGSM)", one_step, "C0"), ("many steps (PGD)", under(many), "C3")):
        axes.plot(epsilons, 100 * scores.mean(0), "o-", color=colour, label=label)
        axes.fill_between(epsilons, 100 * scores.min(0), 100 * scores.max(0), color=colour, alpha=0.2)
    axes.set(xlabel="ε: change of every pixel (grey scale 0 to 1)", ylabel="test accuracy (%)", ylim=(0, 100))
    axes.set_title(f"The same ε, one step and many ({len(one_step)} seeds: mean, range)")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def images(result: Result, count: int = 6):
    """Digits, the change that many steps find, and what is read afterwards; one step left them as they are."""
    from matplotlib.figure import Figure

    (x, y), epsilon = digits().test, result.experiment.epsilons[-1]
    predict = partial(result.task.method.predict, first_seed(result))
    attacked = np.asarray(attack(result.experiment, jax.random.key(0), away_from(predict, y), x, epsilon))
    once, after = (np.asarray(predict(image).argmax(-1)) for image in (fgsm(predict, x, y, epsilon), attacked))
    shown = np.flatnonzero((once == y) & (after != y))[:count]
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    figure.suptitle(f"PGD, ε = {epsilon}: the digit, change (within ±ε), read after")
    for column, i in zip(figure.subplots(3, count, squeeze=False).T, shown, strict=False):
        rows = (x[i], 0, 1), (attacked[i] - x[i], -epsilon, epsilon), (attacked[i], 0, 1)
        for axes, (image, low, high), title in zip(column, rows, (y[i], None, after[i]), strict=True):
            axes.imshow(image.reshape(8, 8), cmap="gray_r" if low == 0 else "RdBu_r", vmin=low, vmax=high)
            axes.set(xticks=[], yticks=[])
            axes.set_title("" if title is None else f"{title}", fontsize=14, color="C3" if axes is column[2] else "k")
    return figure
