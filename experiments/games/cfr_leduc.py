"""Counterfactual regret minimisation on Leduc poker: 936 information sets, two rounds of betting.

The algorithm is deterministic. Here every seed starts from small random regrets of its own (method.random_start);
with 0 all seeds are the same run.

Run      python -m experiments games/cfr_leduc
Expect   nash_conv <= 0.02 in 3 of 3 seeds
         value -0.0856 ± 0.002 over 3 seeds
Tour     nash_conv in [0.02, 0.1] with --steps 400
Cost     10 s
Dtype    float64
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.games.cfr_kuhn import convergence
from experiments.task import Result, Task
from jaxicon.envs.extensive_form import extensive_form
from jaxicon.envs.leduc import leduc
from jaxicon.games.cfr import Config, average, cfr


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(random_start=0.01)
    steps: int = 2000


def build(experiment: Experiment) -> Task:
    return Task(cfr(experiment.method, extensive_form(leduc)), experiment.steps)


def figures(result: Result) -> dict:
    return {
        "How far from an equilibrium: NashConv of the average strategy": convergence(result, "Leduc poker"),
        "The first raise: bluffs and strong hands": raises(result),
    }


def raises(result: Result):
    """The chance that each player raises when nobody has, by the private card."""
    from matplotlib.figure import Figure

    game = extensive_form(leduc)
    policies = [np.asarray(p) for p in jax.vmap(lambda state: average(game, state))(result.state)]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for player, (suffix, label) in enumerate((("", "first player, opening"), ("c", "second player, after a check"))):
        rows = [[game.infosets[player].index(f"{2 * rank + suit}:{suffix}") for suit in (0, 1)] for rank in range(3)]
        chance = policies[player][:, rows, 1].mean(-1)  # [seeds, ranks], of check or raise
        axes.bar(np.arange(3) + 0.4 * player, chance.mean(0), 0.38, label=label)
        for seed in chance:
            axes.plot(np.arange(3) + 0.4 * player, seed, "k.", alpha=0.6)
    axes.set_xticks(np.arange(3) + 0.2, ["jack", "queen", "king"])
    axes.set(ylabel="probability of a raise", ylim=(0, 1.05), title="Leduc, first round (bars: mean, dots: seeds)")
    axes.legend()
    return figure
