"""Off-policy actor-critic on slippery FrozenLake, 4x4, from the play of chance, which is worth 0.012.

`value` is what the policy is worth exactly at the start, `greedy_value` that of its likeliest actions; the optimum is
0.542. Chance seldom reaches the far fields, and a memory of 160,000 moves says too little of where one slips to there:
three in ten seeds ended at 0.482. With four times as many moves it is one in ten.

Run      python -m experiments rl_policy/off_policy_actor_critic_frozen_lake
Expect   value >= 0.53 in 8 of 10 seeds
Tour     value in [0.45, 0.5421]
Cost     20 s
"""

from dataclasses import dataclass

import jax.numpy as jnp

from experiments.rl_policy._lake import FIELDS, lake, measured, pictures
from experiments.task import Result, Task
from jaxicon.nn.mlp import mlp
from jaxicon.rl_policy.off_policy_actor_critic import Config, off_policy_actor_critic


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        hidden=(), actor_rate=2e-3, critic_rate=1e-2, envs=64, buffer=320_000, batch=256, target_every=20, epsilon=1.0
    )
    updates: int = 8000


def logits(state):
    return mlp(4).apply(state.params.actor, jnp.eye(FIELDS))


def build(experiment: Experiment) -> Task:
    method = off_policy_actor_critic(experiment.method, lake())
    return Task(method, experiment.updates, measure=measured(logits), chunk=500)


def figures(result: Result) -> dict:
    return pictures(result, logits)
