"""Pendulum-v1 by a classical controller, and by PPO that adds to it: swing up by energy, then hold by feedback.

The controller pumps energy, cautiously, until there is enough to stand upright, and holds the rod there with a
proportional and a derivative part. `start` is the return before anything is learned, less the controller's own from
the same starts; `gain` what is added by learning in 245,760 steps.

Run      python -m experiments rl_policy/ppo_residual_pendulum
Expect   start 0 ± 5 over 10 seeds
         gain >= 60 in 8 of 10 seeds
         return >= -200 in 8 of 10 seeds
Tour     gain in [30, 250]
Cost     90 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from experiments._control import learning_curve, scaled
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.envs.environment import mean_return
from jaxicon.envs.pendulum import GRAVITY, pendulum
from jaxicon.envs.residual import residual
from jaxicon.rl_policy.ppo import Config, ppo

UPRIGHT = GRAVITY / 2  # energy of the rod that stands still: m g l / 2 above its joint


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        learning_rate=1e-3,
        updates=120,
        envs=16,
        epochs=10,
        minibatches=8,
        discount=0.95,
        entropy_weight=0.0,
        reward_scale=0.1,
    )
    share: float = 1.0


def controller(obs):
    """Torque [1] from cosine, sine and angular velocity."""
    cos, sin, spin = obs
    energy = spin**2 / 6 + UPRIGHT * cos
    pump = jnp.sign(jnp.where(spin == 0, 1.0, spin)) * jnp.clip(0.3 * (UPRIGHT - energy), -2, 2)
    hold = -12 * sin - 3 * spin
    return jnp.where(cos > 0.9, hold, pump)[None]


def build(experiment: Experiment) -> Task:
    env = scaled(residual(pendulum(), controller, experiment.share), 1.0, 1.0, 8.0)
    method = ppo(experiment.method, env)
    classical = lambda key, obs: controller(obs)

    def measure(key: Key, state: State) -> Metrics:
        play = lambda state: mean_return(key, env, lambda key, obs: method.act(key, state, obs), 64)
        alone = mean_return(key, pendulum(), classical, 64)
        return {"start": play(method.init(key, None)) - alone, "gain": play(state) - alone}

    return Task(method, experiment.method.updates, measure=measure, chunk=5)


def figures(result: Result) -> dict:
    alone = jax.jit(lambda key: mean_return(key, pendulum(), lambda key, obs: controller(obs), 200))(jax.random.key(0))
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "Pendulum: return of drawn actions, added to a controller"
    return {"What is learned on top": learning_curve(result, moves, title, float(alone), "the controller alone")}
