"""The notebook's DQN listing on CartPole-v1, with what it leaves out: a network of 4-24-24-2, Adam from 0.001.

As printed, the listing acts greedily on an untrained network and never learns; here it explores, remembers and updates.

Run      python -m experiments rl_value/dqn_listing_cartpole
Expect   return >= 475 in 8 of 10 seeds
Tour     return in [400, 500]
Cost     80 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_value.dqn_cartpole import figures
from experiments.task import Task
from jaxicon.rl_value.dqn import Config, dqn

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config((24, 24), 1e-3, updates=50_000, target_every=100, epsilon_end=0.1, ceiling=100.0)


def build(experiment: Experiment) -> Task:
    return Task(dqn(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=500)
