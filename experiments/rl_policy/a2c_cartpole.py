"""A2C on CartPole-v1 in 384,000 environment steps, the networks apart; 500 is the highest return there is.

Observations and rewards are scaled as for PPO. The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/a2c_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [475, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_policy.ppo_cartpole import figures
from experiments.task import Task
from jaxicon.rl_policy.a2c import Config, a2c

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)


def build(experiment: Experiment) -> Task:
    return Task(a2c(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=50)
