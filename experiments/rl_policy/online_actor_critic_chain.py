"""Online actor-critic on a chain of three states, one move at a time: a small reward at the left end, 1 at the right.

`probability` is that of the right move in the state where it is least likely; going right is best everywhere, also
beside the left end: 0.9^2 is more than 0.3.

Run      python -m experiments rl_policy/online_actor_critic_chain
Expect   probability >= 0.95 in 10 of 10 seeds
Tour     probability in [0.95, 1]
Cost     10 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.envs.environment import Environment
from jaxicon.envs.random_walk import random_walk
from jaxicon.envs.tabular import environment
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.rl_policy.online_actor_critic import Config, online_actor_critic


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(), actor_rate=3e-3, critic_rate=1e-2, discount=0.9)
    updates: int = 10_000


def chain() -> Environment:
    """The states 1, 2, 3 between the ends, seen as rows of the unit matrix; cut off after 50 moves."""
    env = environment(random_walk(3, left=0.3, right=1.0), 50)
    return env._replace(observe=lambda state: jax.nn.one_hot(state - 1, 3))


def right(state) -> jax.Array:
    """Probability of going right in each of the three states."""
    return jax.nn.softmax(tanh_mlp(2).apply(state.actor, jnp.eye(3)))[:, 1]


def build(experiment: Experiment) -> Task:
    method = online_actor_critic(experiment.method, chain())
    measure = lambda key, state: {"probability": right(state).min()}
    return Task(method, experiment.updates, measure=measure, chunk=200)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for place, probability in enumerate(np.asarray(jax.vmap(right)(result.state)).T):
        axes.plot(np.full(probability.size, place + 1), probability, "o", color="#1f77b4", alpha=0.5)
    axes.axhline(0.95, color="#c0392b", ls="--", label="0.95")
    axes.set(xticks=[1, 2, 3], ylim=(0.5, 1.01))
    axes.set_xlabel("state", fontsize=12)
    axes.set_ylabel("probability of going right", fontsize=12)
    axes.legend(fontsize=12, loc="lower right")
    return {"What every seed has learned of the best move in each state": figure}
