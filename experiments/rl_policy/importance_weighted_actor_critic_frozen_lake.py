"""Importance-weighted actor-critic on slippery FrozenLake, 4x4, from the play of chance, which is worth 0.012.

`value` is what the policy is worth exactly at the start, `greedy_value` that of its likeliest actions; the optimum is
0.542. The gradient of the actor vanishes where the policy is almost certain, and its rate falls to zero.

Run      python -m experiments rl_policy/importance_weighted_actor_critic_frozen_lake
Expect   value >= 0.51 in 10 of 10 seeds
         greedy_value >= 0.531 in 10 of 10 seeds
Tour     greedy_value in [0.531, 0.5421]
Cost     20 s
"""

from dataclasses import dataclass

import jax.numpy as jnp

from experiments.rl_policy._lake import FIELDS, lake, measured, pictures
from experiments.task import Result, Task
from jaxicon.nn.actor_critic import two_networks
from jaxicon.rl_policy.importance_weighted_actor_critic import Config, importance_weighted_actor_critic


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(), learning_rate=1e-2, updates=4000, envs=32, entropy_weight=0.0)


def logits(state):
    return two_networks((), 4).apply(state.params, jnp.eye(FIELDS))[0]


def build(experiment: Experiment) -> Task:
    method = importance_weighted_actor_critic(experiment.method, lake())
    return Task(method, experiment.method.updates, measure=measured(logits), chunk=200)


def figures(result: Result) -> dict:
    return pictures(result, logits)
