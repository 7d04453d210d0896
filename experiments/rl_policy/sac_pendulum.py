"""SAC on Pendulum-v1 in 7000 environment steps: swing up a rod that the motor cannot lift.

An update follows every step but the first 1000, which are played by uniform actions. The angular velocity that the
networks see is divided by 8, the reward by 10. The return is that of tanh(mean), not of drawn actions, over 32
episodes.

Run      python -m experiments rl_policy/sac_pendulum
Expect   return >= -200 in 9 of 10 seeds
Tour     return in [-300, -80]
Cost     60 s
"""

from dataclasses import dataclass

from experiments._control import learning_curve, pendulum_film, scaled_pendulum
from experiments.task import Result, Task
from jaxicon.rl_policy.sac import Config, sac


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        hidden=(64, 64),
        actor_rate=1e-3,
        critic_rate=2e-3,
        alpha_rate=1e-3,
        first_alpha=0.1,
        mixing=0.01,
        discount=0.98,
        buffer=20_000,
        batch=64,
        reward_scale=0.1,
    )
    steps: int = 6_000


def build(experiment: Experiment) -> Task:
    return Task(sac(experiment.method, scaled_pendulum()), experiment.steps, chunk=250)


def figures(result: Result) -> dict:
    title = "Pendulum: return of drawn actions while learning"
    return {
        "Return of the last episode while learning": learning_curve(result, 1, title, -200, "return -200"),
        "One episode of tanh(mean) (first seed), every second frame": pendulum_film(result),
    }
