"""PPO under a shield on a motorway with three lanes: past slower cars as fast as can be, without touching one.

`crashes` is the share of 200 drives that end in one, under the likeliest actions; `speed` the mean reward of a step, 0
at 15 m/s and 1 at 35. `bare_crashes` is how often the same agent crashes where no shield corrects it. `careful_speed`
is the speed of who keeps the lane and is braked by the shield.

Run      python -m experiments rl_policy/ppo_lane_change
Expect   crashes <= 0.0 over 10 seeds
         speed >= 0.9 over 10 seeds
         careful_speed <= 0.4 over 10 seeds
         bare_crashes >= 0.05 over 10 seeds
Tour     speed in [0.3, 1]
Cost     120 s
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from experiments._control import learning_curve
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.envs.environment import Environment, episode
from jaxicon.envs.lane_change import CRASH, KEEP, lane_change, shielded
from jaxicon.rl_policy.ppo import Config, ppo

DRIVES = 200


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(updates=400, envs=16, steps=128, reward_scale=0.02, discount=0.97)


def driven(key: Key, env: Environment, policy: Callable[[Key, Array], Array]) -> tuple[Array, Array]:
    """Share of DRIVES that end in a crash, and mean reward of the other steps."""
    drives = jax.vmap(lambda key: episode(key, env, policy))(jax.random.split(key, DRIVES))
    crash = drives.reward == -CRASH
    return crash.any(1).mean(), (drives.reward * ~crash).sum() / (drives.alive & ~crash).sum()


def build(experiment: Experiment) -> Task:
    env = shielded(lane_change())
    method = ppo(experiment.method, env)

    def measure(key: Key, state: State) -> Metrics:
        policy = lambda key, obs: method.act(key, state, obs)
        crashes, speed = driven(key, env, policy)
        return {
            "crashes": crashes,
            "speed": speed,
            "bare_crashes": driven(key, lane_change(), policy)[0],
            "careful_speed": driven(key, env, lambda key, obs: jnp.int32(KEEP))[1],
        }

    return Task(method, experiment.method.updates, measure=measure, chunk=10)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "Motorway: return of drawn actions while learning"
    return {"Return of a drive of 80 steps": learning_curve(result, moves, title, 80, "35 m/s all the way")}
