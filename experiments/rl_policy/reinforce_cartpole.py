"""REINFORCE with a learned value for baseline on CartPole-v1: 960 whole episodes, 16 of them for an update.

The networks see position, velocity, angle and angular velocity divided by 2, 2, 0.2 and 2; values are stated in units
of 50: in units of 1 they are learned too slowly, and two policies in ten are spoilt when the last update comes. The
return is that of the likeliest actions over 32 episodes; 500 is the highest there is.

Run      python -m experiments rl_policy/reinforce_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [400, 500]
Cost     30 s
"""

from dataclasses import dataclass

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.reinforce import Config, learned, reinforce


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    updates: int = 60


def build(experiment: Experiment) -> Task:
    method = reinforce(experiment.method, scaled_cartpole(), learned(64, 64, unit=50.0))
    return Task(method, experiment.updates, chunk=3)


def figures(result: Result) -> dict:
    title, batch = "CartPole: return of drawn actions while learning", result.experiment.method.batch
    return {
        "Return of the episodes of an update": learning_curve(result, batch, title, 475, "solved: 475", "episodes"),
        "One episode of the likeliest actions (first seed), every fourth frame": cartpole_film(result),
    }
