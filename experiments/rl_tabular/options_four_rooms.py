"""Four rooms with and without options that lead to the doors: how often the goal is reached while learning.

Both learners may take the four actions; one may also follow an option from its room to either door. `times` is how
many times as many episodes it finishes in the first 3,000 moves; later both have learned. Options are given, not
learned.

Run      python -m experiments rl_tabular/options_four_rooms
Expect   times >= 4 over 10 seeds
         times >= 2 in 9 of 10 seeds
Tour     times in [2, 40]
Cost     15 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.four_rooms import MAP, four_rooms, rooms
from jaxicon.rl_tabular.options import Config, Options, options, primitive, together, toward


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 3000
    slip: float = 1 / 3


def choices(slip: float, with_doors: bool) -> Options:
    """The actions, and the ways to the doors; ways are planned as if one did not slip."""
    mdp = four_rooms(slip=slip)
    ways = [toward(mdp, door, room) for room, found in rooms() for door in found]
    return together(primitive(mdp), *(ways if with_doors else []))


def learner(experiment: Experiment, with_doors: bool):
    return options(experiment.method, four_rooms(experiment.slip), choices(experiment.slip, with_doors))


def build(experiment: Experiment) -> Task:
    alone = learner(experiment, with_doors=False)

    def measure(key: Key, state: State) -> Metrics:
        advance = lambda state, t: (alone.step(jax.random.fold_in(key, t), state, None)[0], None)
        other, _ = jax.lax.scan(advance, alone.init(key, None), jax.numpy.arange(experiment.steps))
        return {"times": state.episodes / jax.numpy.maximum(other.episodes, 1)}

    return Task(learner(experiment, with_doors=True), experiment.steps, measure=measure, chunk=100)


def figures(result: Result) -> dict:
    return {
        "Episodes finished while learning: all seeds": curves(result),
        "Value of the best choice in every cell, with options (first seed)": values(result),
    }


def curves(result: Result):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for with_doors, label in ((True, "actions and options"), (False, "actions alone")):
        method, marks = (
            learner(result.experiment, with_doors),
            np.linspace(0, result.experiment.steps, 41).astype(int)[1:],
        )
        counts = []
        train(
            result.keys,
            method,
            nothing,
            result.experiment.steps,
            chunk=int(marks[0]),
            hooks=[lambda t, state, metrics: counts.append(np.asarray(state.episodes))],
        )
        (line,) = axes.plot(marks, np.mean(counts, 1), lw=2.5, label=label)
        axes.plot(marks, counts, color=line.get_color(), alpha=0.2)
    axes.set_xlabel("moves", fontsize=12)
    axes.set_ylabel("episodes finished", fontsize=12)
    axes.legend(fontsize=12)
    return figure


def values(result: Result):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes, cells = figure.subplots(), np.array([list(row) for row in MAP])
    best = np.where(choices(result.experiment.slip, True).allowed.T, np.asarray(first_seed(result).q), -np.inf).max(-1)
    shown = axes.imshow(np.where(cells == "#", np.nan, best.reshape(cells.shape)), cmap="viridis")
    figure.colorbar(shown, label="value")
    for place in np.argwhere(np.isin(cells, ["D", "G"])):
        axes.text(*place[::-1], cells[tuple(place)], ha="center", va="center", color="w", fontsize=12)
    axes.set(xticks=[], yticks=[], title="D doors, G goal")
    return figure
