"""Batch actor-critic on CartPole-v1 in 102,400 environment steps; 500 is the highest return there is.

Observations and rewards are scaled as for PPO. The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/batch_actor_critic_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [450, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.batch_actor_critic import Config, batch_actor_critic


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)
    updates: int = 100


def build(experiment: Experiment) -> Task:
    return Task(batch_actor_critic(experiment.method, scaled_cartpole()), experiment.updates, chunk=10)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "CartPole: return of drawn actions while learning"
    return {
        "Return of the last episode of every copy while learning": learning_curve(
            result, moves, title, 475, "solved: 475"
        ),
        "One episode of the likeliest actions (first seed), every fourth frame": cartpole_film(result),
    }
