"""PPO on Acrobot-v1 in 307,200 environment steps: swing the tip of two links up by a motor in the elbow.

Every step costs 1 until it is done, 500 at most. The angular velocities that the network sees are divided by 3 and 6.
The return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/ppo_acrobot
Expect   return >= -100 over 10 seeds
Tour     return in [-120, -60]
Cost     60 s
"""

from dataclasses import dataclass

from experiments._control import acrobot_film, learning_curve, scaled_acrobot
from experiments.task import Result, Task
from jaxicon.rl_policy.ppo import Config, ppo


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(updates=150, envs=16, reward_scale=0.02)


def build(experiment: Experiment) -> Task:
    return Task(ppo(experiment.method, scaled_acrobot()), experiment.method.updates, chunk=10)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "Acrobot: return of drawn actions while learning"
    return {
        "Return of the last episode of every copy while learning": learning_curve(
            result, moves, title, -100, "return -100"
        ),
        "One episode of the likeliest actions (first seed)": acrobot_film(result),
    }
