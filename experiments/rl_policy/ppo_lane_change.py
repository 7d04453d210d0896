"""PPO on a motorway with three lanes: past slower cars as fast as can be, without touching one.

`crashes` is the share of 200 drives that end in one, under the likeliest actions; `speed` the mean reward of a step, 0
at 15 m/s and 1 at 35. Some 3 drives in 100 still end in a crash after 800,000 steps; a rule that only keeps its
distance has none, and is slow.

Run      python -m experiments rl_policy/ppo_lane_change
Expect   crashes <= 0.05 over 10 seeds
         speed >= 0.45 over 10 seeds
Tour     speed in [0.3, 1]
Cost     120 s
"""

from dataclasses import dataclass

import jax

from experiments._control import learning_curve
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.envs.environment import episode
from jaxicon.envs.lane_change import CRASH, lane_change
from jaxicon.rl_policy.ppo import Config, ppo

DRIVES = 200


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(updates=400, envs=16, steps=128, reward_scale=0.02, discount=0.97)


def build(experiment: Experiment) -> Task:
    env = lane_change()
    method = ppo(experiment.method, env)

    def measure(key: Key, state: State) -> Metrics:
        drive = lambda key: episode(key, env, lambda key, obs: method.act(key, state, obs))
        drives = jax.vmap(drive)(jax.random.split(key, DRIVES))
        crash = drives.reward == -CRASH
        return {"crashes": crash.any(1).mean(), "speed": (drives.reward * ~crash).sum() / (drives.alive & ~crash).sum()}

    return Task(method, experiment.method.updates, measure=measure, chunk=10)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "Motorway: return of drawn actions while learning"
    return {"Return of a drive of 80 steps": learning_curve(result, moves, title, 80, "35 m/s all the way")}
