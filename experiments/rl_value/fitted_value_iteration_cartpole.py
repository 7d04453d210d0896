"""Fitted value iteration on CartPole-v1 with its equations for a model: a network, and no play at all.

At each of 300 steps 512 states are drawn at random from a box, both actions are tried on each of them in the model, and
the network takes 20 steps towards what comes out. The agent acts by looking one step ahead. States are seen in units of
2, 2, 0.2 and 2; `return` is the mean over 32 episodes. No state is worth more than 1 / (1 - discount) = 100; the fits
do not know that and go on growing, past 600 at the end, while the policy stays as good. To cut them off at 100, or to
discount by 0.95, made the policy worse: 415 and 447 on average over 10 seeds.

Run      python -m experiments rl_value/fitted_value_iteration_cartpole
Expect   return >= 475 over 10 seeds
Tour     return in [400, 500]
Cost     30 s
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments._control import scaled_cartpole
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key
from jaxicon.core.stream import synthetic
from jaxicon.envs.cartpole import FARTHEST, STEEPEST, State
from jaxicon.envs.outcomes import by_trial
from jaxicon.nn.mlp import mlp
from jaxicon.nn.regression import descent
from jaxicon.rl_value.fitted_value_iteration import Config, fitted_value_iteration

BOX = np.array([FARTHEST, 3.0, STEEPEST, 3.0])


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    learning_rate: float = 2e-3
    descents: int = 20
    states: int = 512
    steps: int = 300


def network():
    return mlp(64, 64, 1)


def anywhere(key: Key, n: int) -> State:
    """n states, uniform in the box."""
    return State(*(jnp.asarray(BOX, float)[:, None] * jax.random.uniform(key, (4, n), minval=-1.0)))


def build(experiment: Experiment) -> Task:
    env, stream = scaled_cartpole(), synthetic(partial(anywhere, n=experiment.states))
    regression = descent(network(), experiment.learning_rate, experiment.descents)
    method = fitted_value_iteration(experiment.method, env, by_trial(env), regression)
    return Task(method, experiment.steps, stream, stream, chunk=10)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    params, env = first_seed(result)[0], scaled_cartpole()
    theta, spin = np.meshgrid(np.linspace(-STEEPEST, STEEPEST, 80), np.linspace(-3, 3, 80))
    states = State(0 * theta, 0 * theta, theta, spin)
    obs = jax.vmap(jax.vmap(env.observe))(jax.tree.map(jnp.asarray, states))
    value = np.asarray(network().apply(params, obs)[..., 0])
    image = left.pcolormesh(np.degrees(theta), spin, value, cmap="viridis")
    left.set(title="V of a cart at rest in the middle, first seed")
    left.set_xlabel("angle of the pole (degrees)", fontsize=12)
    left.set_ylabel("angular velocity (radians/s)", fontsize=12)
    figure.colorbar(image, ax=left)
    for single in result.history["value"]:
        right.plot(result.history["t"], single, color="#1f77b4", alpha=0.5)
    right.axhline(1 / (1 - result.experiment.method.discount), color="#c0392b", ls="--", label="upright for ever")
    right.set(title="Mean of the targets over the states, every seed")
    right.set_xlabel("backups", fontsize=12)
    right.legend(fontsize=12)
    return {"What the states are worth, and how that spreads from the end of an episode backwards": figure}
