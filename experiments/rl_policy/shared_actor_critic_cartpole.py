"""A2C with a shared trunk on CartPole-v1 in 384,000 environment steps, in all else as with two networks.

Run      python -m experiments rl_policy/shared_actor_critic_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [475, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_policy.ppo_cartpole import figures
from experiments.task import Task
from jaxicon.rl_policy.a2c import Config
from jaxicon.rl_policy.shared_actor_critic import shared_actor_critic

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)


def build(experiment: Experiment) -> Task:
    return Task(shared_actor_critic(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=50)
