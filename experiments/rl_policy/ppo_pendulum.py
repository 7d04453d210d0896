"""PPO on Pendulum-v1 in 122,880 environment steps: swing up a rod that the motor cannot lift.

The angular velocity that the network sees is divided by 8, the reward that it learns from by 10. The return is that of
the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/ppo_pendulum
Expect   return >= -200 over 10 seeds
         return -160 ± 25 over 10 seeds
Tour     return in [-220, -100]
Cost     30 s
"""

from dataclasses import dataclass

from experiments._control import learning_curve, pendulum_film, scaled_pendulum
from experiments.task import Result, Task
from jaxicon.rl_policy.ppo import Config, ppo


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        learning_rate=1e-3,
        updates=60,
        envs=16,
        epochs=10,
        minibatches=8,
        discount=0.95,
        entropy_weight=0.0,
        reward_scale=0.1,
    )


def build(experiment: Experiment) -> Task:
    return Task(ppo(experiment.method, scaled_pendulum()), experiment.method.updates, chunk=5)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    curve = learning_curve(result, moves, "Pendulum: return of drawn actions while learning", -200, "return -200")
    return {
        "Return of the last episode of every copy while learning": curve,
        "One episode of the likeliest actions (first seed), every second frame": pendulum_film(result),
    }
