"""MountainCarContinuous-v0 by CMA-ES: a weak engine, and +100 only for who first drives away from the goal.

The price of the engine rewards doing nothing, which is where gradients of small policies lead. The search sees whole
episodes: one vector of a generation that reaches the goal is enough. 90 is what counts as solved.

Run      python -m experiments rl_policy/policy_search_mountain_car
Expect   return >= 90 over 10 seeds
Tour     return in [80, 100]
Cost     15 s
"""

from dataclasses import dataclass

from experiments._control import learning_curve, scaled
from experiments.task import Result, Task
from jaxicon.envs.mountain_car import mountain_car_continuous
from jaxicon.rl_policy.policy_search import Config, policy_search


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(rated=8, std=3.0)
    steps: int = 60


def build(experiment: Experiment) -> Task:
    return Task(
        policy_search(experiment.method, scaled(mountain_car_continuous(), 1.0, 0.07)), experiment.steps, chunk=2
    )


def figures(result: Result) -> dict:
    config = result.experiment.method
    moves = 999 * config.population * config.rated  # at most
    title = "MountainCarContinuous: mean return of a generation"
    return {"Mean return of the vectors of a generation": learning_curve(result, moves, title, 90, "solved: 90")}
