"""DDPG on Pendulum-v1 in 11,000 environment steps: swing up a rod that the motor cannot lift.

An update follows every step but the first 1000, which are played by uniform actions. The angular velocity that the
networks see is divided by 8, the reward by 10. The return is that of the actor without noise over 32 episodes.

Run      python -m experiments rl_policy/ddpg_pendulum
Expect   return >= -200 in 9 of 10 seeds
Tour     return in [-300, -80]
Cost     60 s
"""

from dataclasses import dataclass

from experiments._control import learning_curve, pendulum_film, scaled_pendulum
from experiments.task import Result, Task
from jaxicon.ops.action_noise import ornstein_uhlenbeck
from jaxicon.rl_policy.ddpg import Config, ddpg


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        hidden=(64, 64),
        actor_rate=1e-3,
        critic_rate=1e-3,
        mixing=0.01,
        discount=0.98,
        buffer=20_000,
        batch=64,
        reward_scale=0.1,
    )
    steps: int = 10_000
    theta: float = 0.15
    sigma: float = 0.2


def build(experiment: Experiment) -> Task:
    noise = ornstein_uhlenbeck(experiment.theta, experiment.sigma)
    return Task(ddpg(experiment.method, scaled_pendulum(), noise), experiment.steps, chunk=250)


def figures(result: Result) -> dict:
    title = "Pendulum: return while learning, noise included"
    return {
        "Return of the last episode while learning": learning_curve(result, 1, title, -200, "return -200"),
        "One episode without noise (first seed), every second frame": pendulum_film(result),
    }
