"""PPO on CartPole-v1 in 102,400 environment steps; 500 is the highest return there is.

The network sees position, velocity, angle and angular velocity divided by 2, 2, 0.2 and 2: all of order one. So are the
values, after the rewards are divided by 50: the norm of the gradient is clipped for actor and critic together, and
values of order 100 would leave little of it to the actor. The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/ppo_cartpole
Expect   return >= 475 in 9 of 10 seeds
Tour     return in [475, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import cartpole_film, learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.ppo import Config, ppo


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)


def build(experiment: Experiment) -> Task:
    return Task(ppo(experiment.method, scaled_cartpole()), experiment.method.updates, chunk=10)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "CartPole: return of drawn actions while learning"
    return {
        "Return of the last episode of every copy while learning": learning_curve(
            result, moves, title, 475, "solved: 475"
        ),
        "One episode of the likeliest actions (first seed), every fourth frame": cartpole_film(result),
    }
