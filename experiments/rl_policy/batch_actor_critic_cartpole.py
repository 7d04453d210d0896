"""Batch actor-critic on CartPole-v1 in 102,400 environment steps; 500 is the highest return there is.

Observations and rewards are scaled as for PPO. The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/batch_actor_critic_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [450, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import scaled_cartpole
from experiments.rl_policy.ppo_cartpole import figures
from experiments.task import Task
from jaxicon.rl_policy.batch_actor_critic import Config, batch_actor_critic

__all__ = ["Experiment", "build", "figures"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)
    updates: int = 100


def build(experiment: Experiment) -> Task:
    return Task(batch_actor_critic(experiment.method, scaled_cartpole()), experiment.updates, chunk=10)
