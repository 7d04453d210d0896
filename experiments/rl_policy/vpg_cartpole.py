"""Vanilla policy gradient on CartPole-v1: one step of gradient ascent for every step of an episode.

No baseline, no momentum: with a tenfold alpha it learns in a hundred episodes, and forgets it in the next hundred. The
return is that of the likeliest actions over 32 episodes.

Run      python -m experiments rl_policy/vpg_cartpole
Expect   return >= 350 over 10 seeds
Tour     return in [150, 500]
Cost     20 s
"""

from dataclasses import dataclass

from experiments._control import learning_curve, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.rl_policy.vpg import Config, vpg


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    updates: int = 1200


def build(experiment: Experiment) -> Task:
    return Task(vpg(experiment.method, scaled_cartpole()), experiment.updates, chunk=40)


def figures(result: Result) -> dict:
    title = "CartPole: return of drawn actions while learning"
    curve = learning_curve(result, result.experiment.method.batch, title, 475, "solved: 475", "episodes")
    return {"Return of the episodes, means of 40": curve}
