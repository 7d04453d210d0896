"""Double DQN on CartPole-v1: 200,000 environment steps, 20,000 updates.

Run      python -m experiments rl_value/double_dqn_cartpole
Expect   return >= 475 over 10 seeds
         value 100 ± 1 over 10 seeds
Tour     return in [400, 500]
Cost     50 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_value.dqn_cartpole import figures
from experiments.task import Task
from jaxicon.rl_value.double_dqn import double_dqn
from jaxicon.rl_value.dqn import Config

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(updates=20_000, buffer=50_000, ceiling=100.0)  # 1 / (1 - discount): upright for ever


def build(experiment: Experiment) -> Task:
    return Task(double_dqn(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=500)
