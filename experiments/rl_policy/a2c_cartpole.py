"""A2C on CartPole-v1 in 384,000 environment steps, the networks apart; 500 is the highest return there is.

Observations and rewards are scaled as for PPO. The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/a2c_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [475, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.a2c import Config, a2c


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)


def build(experiment: Experiment) -> Task:
    return Task(a2c(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=50)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "CartPole: return of drawn actions while learning"
    return {
        "Return of the last episode of every copy while learning": learning_curve(
            result, moves, title, 475, "solved: 475"
        ),
        "One episode of the likeliest actions (first seed), every fourth frame": cartpole_film(result),
    }
