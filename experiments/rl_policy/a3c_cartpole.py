"""A3C on CartPole-v1 in 256,000 environment steps: 16 workers, each with a copy of its own.

Every one of the 16 reports of a round is a gradient step, so that the rate is a quarter of A2C's. The drawn actions
earn less than the likeliest ones, by which the return is measured.

Run      python -m experiments rl_policy/a3c_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [475, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.a3c import Config, a3c


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(learning_rate=1e-3, updates=1000, reward_scale=0.02)


def build(experiment: Experiment) -> Task:
    return Task(a3c(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=50)


def figures(result: Result) -> dict:
    method = result.experiment.method
    title = f"CartPole: return of {method.workers} workers while learning"
    return {
        "Return of the last episode of every worker while learning": learning_curve(
            result, method.workers * method.envs * method.steps, title, 475, "solved: 475"
        ),
        "One episode of the likeliest actions (first seed), every fourth frame": cartpole_film(result),
    }
