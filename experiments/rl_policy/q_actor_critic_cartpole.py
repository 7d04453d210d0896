"""Q actor-critic on CartPole-v1 in 640,000 environment steps: without a baseline, every action is made likelier.

The better action is so by little more than the other, and chance decides which is drawn. With 16 copies instead of 64
and an actor's rate of 1e-3, no seed in five was solved after 480,000 steps, and one was certain of the wrong action.
Both rates fall to zero.

Run      python -m experiments rl_policy/q_actor_critic_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [400, 500]
Cost     30 s
"""

from dataclasses import dataclass

import optax

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.q_actor_critic import Config, q_actor_critic


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(actor_rate=1e-4, critic_rate=3e-3, envs=64, reward_scale=0.02)
    updates: int = 10_000


def build(experiment: Experiment) -> Task:
    falling = lambda rate: optax.adam(optax.linear_schedule(rate, 0, experiment.updates))
    return Task(q_actor_critic(experiment.method, scaled_cartpole(), falling), experiment.updates, chunk=200)


def figures(result: Result) -> dict:
    title, moves = "CartPole: return of drawn actions while learning", result.experiment.method.envs
    return {
        "Return of the last episode of every copy while learning": learning_curve(
            result, moves, title, 475, "solved: 475"
        ),
        "One episode of the likeliest actions (first seed), every fourth frame": cartpole_film(result),
    }
