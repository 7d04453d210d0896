"""Double DQN on CartPole-v1, in all else like DQN.

Run      python -m experiments rl_value/double_dqn_cartpole
Expect   return >= 475 in 7 of 8 seeds
         value 100 ± 1 over 8 seeds
Tour     return in [400, 500]
Cost     80 s
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
    method: Config = Config(ceiling=100.0)  # 1 / (1 - discount): upright for ever


def build(experiment: Experiment) -> Task:
    return Task(double_dqn(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=500)
