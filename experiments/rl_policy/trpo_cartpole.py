"""TRPO on CartPole-v1 in 40,960 environment steps; 500 is the highest return there is.

The network sees position, velocity, angle and angular velocity divided by 2, 2, 0.2 and 2; the critic learns returns
divided by 50. The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/trpo_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [475, 500]
Cost     40 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_policy.ppo_cartpole import figures
from experiments.task import Task
from jaxicon.rl_policy.trpo import Config, trpo

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)
    updates: int = 40


def build(experiment: Experiment) -> Task:
    return Task(trpo(experiment.method, scaled_cartpole()), experiment.updates, chunk=5)
