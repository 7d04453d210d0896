"""Natural policy gradient on CartPole-v1 in 40,960 environment steps: TRPO's step, taken whole whatever comes of it.

All else is as in rl_policy/trpo_cartpole.

Run      python -m experiments rl_policy/natural_policy_gradient_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [400, 500]
Cost     40 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_policy.ppo_cartpole import figures
from experiments.task import Task
from jaxicon.rl_policy.natural_policy_gradient import Config, natural_policy_gradient

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)
    updates: int = 40


def build(experiment: Experiment) -> Task:
    return Task(natural_policy_gradient(experiment.method, scaled_cartpole()), experiment.updates, chunk=5)
