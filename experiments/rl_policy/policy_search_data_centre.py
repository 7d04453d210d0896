"""Cooling a simulated data centre: a linear policy found by CMA-ES on simulated days, beside a PID controller.

`saved` is the share of the controller's energy that the learned policy does without on 64 unseen days, `violations`
how often in a thousand steps a row is above 27 °C, `violations_pid` the same of the controller. Most is saved by
warmer cold air, which the PID controller leaves at 16 °C, so that this says more of the controller than of learning.

Run      python -m experiments rl_policy/policy_search_data_centre
Expect   saved >= 0.1 in 10 of 10 seeds
         violations <= 0 in 10 of 10 seeds
Tour     saved in [0.05, 0.5]
Cost     30 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Metrics, State
from jaxicon.envs.data_centre import HOURS, LIMIT, ROWS, STEPS, data_centre, day, pid
from jaxicon.rl_policy.policy_search import Config, policy_search


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(population=32, rated=4, std=0.3)
    steps: int = 120


def learned(method, state: State):
    return lambda memory, obs: (memory, method.act(jax.random.key(0), state, obs))


def build(experiment: Experiment) -> Task:
    method = policy_search(experiment.method, data_centre())

    def measure(key: Key, state: State) -> Metrics:
        days = lambda control: jax.vmap(lambda key: day(key, control, jnp.zeros((2, ROWS))))(jax.random.split(key, 64))
        ours, theirs = days(learned(method, state)), days(pid)
        over = lambda days: 1000 * (days.temperature > LIMIT).mean()
        saved = 1 - ours.energy.sum() / theirs.energy.sum()
        return {"saved": saved, "violations": over(ours), "violations_pid": over(theirs)}

    return Task(method, experiment.steps, measure=measure, chunk=5)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    key, hours = jax.random.key(0), HOURS * np.arange(STEPS)
    play = jax.jit(lambda control: day(key, control, jnp.zeros((2, ROWS))), static_argnums=0)
    days = {"learned": play(learned(result.task.method, first_seed(result))), "PID": play(pid)}
    figure = Figure(figsize=(9, 6), layout="constrained")
    for column, (name, seen) in zip(figure.subplots(3, 2, sharex=True, sharey="row").T, days.items(), strict=True):
        column[0].plot(hours, seen.temperature)
        column[0].axhline(LIMIT, color="#c0392b", ls="--")
        column[0].set_title(f"{name}: {float(seen.energy.sum()):.0f} kWh", fontsize=13)
        column[1].plot(hours, seen.action[:, :-1])
        column[2].plot(hours, seen.action[:, -1], color="#2c3e50")
        column[2].set_xlabel("hour of the day", fontsize=12)
    for row, label in zip(figure.axes[::2], ("rows (°C)", "flows", "cold air (°C)"), strict=True):
        row.set_ylabel(label, fontsize=12)
    return {"The same day under both: the dashed line is the limit": figure}
