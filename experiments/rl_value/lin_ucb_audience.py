"""LinUCB recommends eight articles to visitors of four groups, against three who know or dare less.

`*_regret` is the expected number of clicks lost in 10,000 visits: of LinUCB, of the same regressions with a random
article in one visit of ten (`epsilon`), of UCB1 that sees no visitor (`blind`: the best article of all, not of each)
and of somebody who shows any article (`random`). `exponent` is that of t that fits the regret of LinUCB from visit 1000
on, a mean over 20 audiences; the bound of the theory has 1/2, up to logarithms, and 1 would be nothing learnt.

Run      python -m experiments rl_value/lin_ucb_audience
Expect   exponent <= 0.5 over 10 seeds
         lin_ucb_regret 165 ± 55 over 10 seeds
         epsilon_regret 400 ± 70 over 10 seeds
         blind_regret >= 400 over 10 seeds
         random_regret 2450 ± 300 over 10 seeds
Tour     lin_ucb_regret in [10, 150] with --steps 1000
Cost     40 s
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments._rules import played
from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.method import Key, Method
from jaxicon.core.stream import nothing
from jaxicon.envs.recommendation import audience
from jaxicon.ops.exploration import constant, randomly, ucb
from jaxicon.rl_value.lin_ucb import Config, lin_ucb


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 10_000
    groups: int = 4
    articles: int = 8
    audiences: int = 20  # for the exponent


def nobody(visitor: jax.Array) -> jax.Array:
    return jnp.ones(1)


def methods(experiment: Experiment) -> dict[str, Method]:
    play = partial(lin_ucb, experiment.method, audience(experiment.groups, experiment.articles))
    return {
        "lin_ucb": play(),
        "epsilon": play(constant(0.1)),
        "blind": play(ucb(0.5), nobody),
        "random": play(randomly()),
    }


def measure(experiment: Experiment, key: Key, state: dict) -> dict:
    regret = played(key, methods(experiment)["lin_ucb"], experiment.steps, experiment.audiences)[1]
    t = jnp.arange(1.0, experiment.steps + 1)
    late = t >= experiment.steps // 10
    centred = lambda x: (x - (x * late).sum() / late.sum()) * late
    x, y = centred(jnp.log(t)), centred(jnp.log(regret))
    return {"exponent": (x * y).sum() / (x * x).sum()}


def build(experiment: Experiment) -> Task:
    compared = methods(experiment)
    stream = same_for([*compared], nothing)
    method, measured = side_by_side(compared), partial(measure, experiment)
    return Task(method, experiment.steps, stream, stream, measure=measured, chunk=100)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes, t = figure.subplots(), result.history["t"]
    names = {"lin_ucb": "LinUCB", "epsilon": "epsilon-greedy", "blind": "UCB1, blind", "random": "random"}
    for i, (name, label) in enumerate(names.items()):
        curves = (np.diff(t, prepend=0) * result.history[f"{name}_regret"]).cumsum(-1)
        axes.fill_between(t, curves.min(0), curves.max(0), color=f"C{i}", alpha=0.15)
        axes.plot(t, curves.mean(0), color=f"C{i}", lw=2.5, label=label)
    axes.set(xscale="log", yscale="log")
    axes.set_title("Clicks lost: mean and range of the seeds", fontsize=13)
    axes.set_xlabel("visits", fontsize=12)
    axes.set_ylabel("regret so far", fontsize=12)
    axes.legend(fontsize=12)
    return {"Who sees the visitor and tries what is uncertain loses less and less": figure}
