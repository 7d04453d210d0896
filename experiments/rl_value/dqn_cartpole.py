"""DQN on CartPole-v1: 300,000 environment steps, 30,000 updates; 500 is the highest return there is.

The network sees position, velocity, angle and angular velocity divided by 2, 2, 0.2 and 2: all of order one. Without a
ceiling on what is bootstrapped from, the values of every seed grew to thousands of times what can be earned, Huber loss
and slow target or not, while the return often stayed good; so `value` is expected too.

Run      python -m experiments rl_value/dqn_cartpole
Expect   return >= 475 over 10 seeds
         value 100 ± 1 over 10 seeds
Tour     return in [400, 500]
Cost     50 s
"""

from dataclasses import dataclass

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_value.dqn import Config, dqn


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(epsilon_end=0.1, ceiling=100.0)  # 1 / (1 - discount): upright for ever


def build(experiment: Experiment) -> Task:
    return Task(dqn(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=500)


def figures(result: Result) -> dict:
    title, moves = "CartPole: return while learning, exploration included", result.experiment.method.envs
    return {
        "Return of the episodes played while learning": learning_curve(result, moves, title, 475, "solved: 475"),
        "One episode of the greedy policy (first seed), every fourth frame": cartpole_film(result),
    }
