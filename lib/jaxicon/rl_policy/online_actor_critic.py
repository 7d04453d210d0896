"""Online actor-critic: after every single step, first the critic learns from it, then the actor by the critic's word.

Notes    CS182 §7.4.4.3, Algorithm 12
Book     Sutton & Barto 2018, §13.5, which takes the critic's error before its update and has discount^t in the actor's
Systems  rl.online_actor_critic
Idea     V descends  (r + discount V(s') - V(s))^2 / 2,  r + discount V(s') held fixed                           (1)
         theta <- theta + rate grad log pi(a | s) (r + discount V(s') - V(s)),  by the V of after (1)            (2)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import optax

from jaxicon.core.method import Agent
from jaxicon.envs.environment import Environment
from jaxicon.rl_policy.batch_actor_critic import Config as Batch
from jaxicon.rl_policy.batch_actor_critic import batch_actor_critic


@dataclass(frozen=True)
class Config(Batch):
    envs: int = 1  # a single sample is a noisy gradient; the notes advise to average over several workers
    actor_rate: float = 1e-3
    critic_rate: float = 3e-3


def online_actor_critic(
    config: Config, env: Environment, optimizer: Callable[[float], optax.GradientTransformation] = optax.adam
) -> Agent:
    """Batch actor-critic on batches of one step, with one step of the optimizer for each of the two."""
    return batch_actor_critic(replace(config, steps=1, fits=1), env, optimizer)
