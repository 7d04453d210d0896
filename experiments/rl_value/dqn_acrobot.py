"""DQN on Acrobot-v1: 300,000 environment steps, 30,000 updates; every step costs 1 until the tip is up.

The network sees the angular velocities in units of 3 and 6 radians/s, which makes all inputs of order one. In units of
the fastest there are, 4 pi and 9 pi, it learned next to nothing in as many steps.

Run      python -m experiments rl_value/dqn_acrobot
Expect   return >= -100 over 10 seeds
Tour     return in [-150, -60]
Cost     70 s
"""

from dataclasses import dataclass

from experiments._control import acrobot_film, learning_curve, scaled_acrobot
from experiments.task import Result, Task
from jaxicon.rl_value.dqn import Config, dqn


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(learning_rate=1e-3, ceiling=0.0)  # no reward is above 0


def build(experiment: Experiment) -> Task:
    return Task(dqn(experiment.method, scaled_acrobot()), experiment.method.updates, chunk=500)


def figures(result: Result) -> dict:
    title, moves = "Acrobot: return while learning, exploration included", result.experiment.method.envs
    return {
        "Return of the episodes played while learning": learning_curve(result, moves, title, -100, "solved: -100"),
        "One episode of the greedy policy (first seed), every frame": acrobot_film(result),
    }
