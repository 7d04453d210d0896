"""Q-learning of when to charge a household's battery: 24 hours, 7 levels of charge, three markets.

`cost` is what the learned policy pays a day, exactly and in euros; `excess` is its share above the optimum of dynamic
programming, 4.697. A battery that always rests pays 6.221. Nothing is cut off: a day is an episode.

Run      python -m experiments rl_tabular/q_learning_battery
Expect   excess <= 0.02 in 10 of 10 seeds
Tour     excess in [0, 0.05]
Cost     35 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.battery import HOURS, MARKET, PRICE, battery
from jaxicon.envs.tabular import greedy_value, look_ahead
from jaxicon.rl_tabular.q_learning import Config, q_learning
from jaxicon.rl_tabular.value_iteration import value_iteration


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(power=0.55, pace=300_000.0, horizon=HOURS)
    steps: int = 800_000
    capacity: int = 6


def optimum(capacity: int) -> np.ndarray:
    """The values of dynamic programming."""
    return np.asarray(train(jax.random.key(0), value_iteration(battery(capacity)), nothing, HOURS + 1)[0])


def build(experiment: Experiment) -> Task:
    mdp = battery(experiment.capacity)
    least = -float(mdp.start @ optimum(experiment.capacity))

    def measure(key: Key, state: State) -> Metrics:
        cost = -mdp.start @ greedy_value(mdp, state.q)
        return {"cost": cost, "excess": cost / least - 1}

    return Task(q_learning(experiment.method, mdp), experiment.steps, measure=measure, chunk=10_000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    mdp, capacity = battery(result.experiment.capacity), result.experiment.capacity
    best = np.asarray(look_ahead(mdp, optimum(capacity)))
    figure = Figure(figsize=(9, 6), layout="constrained")
    rows = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1.3, 1.3))
    for market in MARKET:
        rows[0].step(range(HOURS), market * PRICE, where="mid", label=f"market {market:g}")
    rows[0].set_ylabel("cents per kWh", fontsize=11)
    rows[0].legend(fontsize=10, loc="upper left")
    for axes, (name, q) in zip(
        rows[1:], {"learned, first seed": first_seed(result).q, "optimal": best}.items(), strict=True
    ):
        plan = np.asarray(q)[:-1].reshape(HOURS, capacity + 1, len(MARKET), 3)[:, :, 1].argmax(-1) - 1
        axes.imshow(plan.T, origin="lower", aspect="auto", cmap="PiYG", vmin=-1.3, vmax=1.3)
        axes.set_title(f"{name}: green charges, pink discharges (market 1)", fontsize=12)
        axes.set_ylabel("kWh stored", fontsize=11)
    rows[-1].set_xlabel("hour of the day", fontsize=12)
    return {"Prices, and what to do with the battery at every hour and charge": figure}
