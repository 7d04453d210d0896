"""Counterfactual regret minimisation on Kuhn poker, whose equilibria are known in closed form.

The algorithm is deterministic. Here every seed starts from random regrets of its own (method.random_start), and so
finds its own member of the one-parameter family of equilibria; with 0 all seeds are the same run.

Run      python -m experiments games/cfr_kuhn
Expect   nash_conv <= 0.001 in 5 of 5 seeds
         value -0.05556 ± 0.0001 over 5 seeds
Tour     value in [-0.0558, -0.0553]
Cost     6 s
Dtype    float64
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.extensive_form import extensive_form
from jaxicon.envs.kuhn import kuhn
from jaxicon.games.cfr import Config, average, cfr

# The chance of betting or calling in every equilibrium; alpha is free in [0, 1/3] (Kuhn 1950).
EQUILIBRIA = {
    "J": (0, 1 / 3),  # alpha
    "Q": (0, 0),
    "K": (0, 1),  # 3 alpha
    "Jpb": (0, 0),
    "Qpb": (1 / 3, 2 / 3),  # alpha + 1/3
    "Kpb": (1, 1),
    "Jp": (1 / 3, 1 / 3),
    "Qp": (0, 0),
    "Kp": (1, 1),
    "Jb": (0, 0),
    "Qb": (1 / 3, 1 / 3),
    "Kb": (1, 1),
}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(random_start=0.3)
    steps: int = 20_000


def build(experiment: Experiment) -> Task:
    return Task(cfr(experiment.method, extensive_form(kuhn)), experiment.steps, chunk=1000)


def figures(result: Result) -> dict:
    return {
        "How far from an equilibrium: NashConv of the average strategy": convergence(result, "Kuhn poker"),
        "The strategies found: every seed is an equilibrium of its own": strategies(result),
    }


def convergence(result: Result, title: str):
    """NashConv after 1, 2, 4, ... iterations of the same runs once more, and what regrets it: with random_start = 0
    it is never above the sum of the positive regrets over T."""
    from matplotlib.figure import Figure

    method, points = result.task.method, sorted({min(2**i, result.task.steps) for i in range(30)})
    state, gaps, regrets = None, [], []
    for start, stop in zip([0, *points], points, strict=False):
        state, metrics = train(result.keys, method, nothing, stop - start, state=state, start=start, chunk=1000)
        gaps.append(evaluate(result.keys, method, state, nothing, 1)["nash_conv"])
        regrets.append(metrics["average_regret"][:, -1])
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for label, values, colour in (("positive regrets / T", regrets, "C7"), ("NashConv", gaps, "C0")):
        lines = axes.loglog(points, np.array(values), color=colour, alpha=0.8)
        lines[0].set_label(f"{label} ({len(lines)} seeds)")
    axes.loglog(points, 2 * gaps[0].mean() / np.sqrt(points), "k--", label="slope of 1/√T")
    axes.set(xlabel="iterations T", ylabel="chips per game", title=title)
    axes.legend()
    axes.grid(alpha=0.3)
    return figure


def strategies(result: Result):
    """A dot per seed for each of the twelve information sets, on the bars where equilibria may lie."""
    from matplotlib.figure import Figure

    game = extensive_form(kuhn)
    policies = [np.asarray(p) for p in jax.vmap(lambda state: average(game, state))(result.state)]
    figure = Figure(figsize=(6, 6), layout="constrained")
    titles = (
        "first player: to bet; after pass and bet: to call",
        "second player: after a pass, to bet; after a bet, to call",
    )
    for axes, names, policy, title in zip(figure.subplots(2), game.infosets, policies, titles, strict=True):
        shown = [name for name in EQUILIBRIA if name in names]
        for place, name in enumerate(shown):
            low, high = EQUILIBRIA[name]
            axes.bar(place, high - low + 0.03, 0.8, low - 0.015, color="C7", alpha=0.4)
            seeds = policy[:, names.index(name), 1]
            axes.scatter(place + np.linspace(-0.3, 0.3, len(seeds)), seeds, c=[f"C{i % 10}" for i in range(len(seeds))])
        axes.set_xticks(range(len(shown)), [" ".join(name) for name in shown], fontsize=12)
        axes.set(ylabel="probability", ylim=(-0.05, 1.05), title=title)
    figure.supxlabel(
        "card (J, Q, K), then the moves so far: p = pass, b = bet.  Bar: equilibria; dots: seeds", fontsize=9
    )
    return figure
