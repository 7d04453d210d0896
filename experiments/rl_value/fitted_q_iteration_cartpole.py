"""Fitted Q-iteration on CartPole-v1 from 10,000 moves at random, begun anywhere; the agent never plays while it learns.

Games begin in states drawn from a box, as if the cart were set down and pushed: those that begin at rest in the middle
are over after 22 steps on average and never show the ends of the track. The data are collected once. At each of 150
steps the network takes 20 steps towards the targets of 1000 of the moves. States are seen in units of 2, 2, 0.2 and 2;
`return` is the mean over 32 episodes from the usual starts: 500 for most seeds and less for some, as it goes up and
down from fit to fit.

Run      python -m experiments rl_value/fitted_q_iteration_cartpole
Expect   return >= 475 in 5 of 10 seeds
         return >= 300 over 10 seeds
Tour     return in [150, 500]
Cost     40 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments._control import scaled_cartpole
from experiments.rl_value.fitted_value_iteration_cartpole import anywhere
from experiments.task import Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.stream import resident
from jaxicon.envs.environment import mean_return
from jaxicon.nn.mlp import mlp
from jaxicon.nn.regression import descent
from jaxicon.rl_value.fitted_q_iteration import Config, fitted_q_iteration
from jaxicon.rl_value.fully_fitted_q import collected

COPIES = 100  # that collect the data


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(discount=0.95)
    moves: int = 10_000
    batch: int = 1000
    learning_rate: float = 2e-3
    descents: int = 20
    steps: int = 150


def build(experiment: Experiment) -> Task:
    env = scaled_cartpole()
    anything = lambda key, obs: jax.random.randint(key, (), 0, 2)
    scattered = env._replace(starts=anywhere)
    play = jax.jit(lambda key: collected(key, scattered, anything, COPIES, experiment.moves // COPIES))
    data = play(jax.random.key(0))
    stream = resident(jax.tree.map(np.asarray, data), experiment.batch)
    regression = descent(mlp(64, 64, 2), experiment.learning_rate, experiment.descents)
    method = fitted_q_iteration(experiment.method, env.actions, regression)

    def measure(key: Key, state: State) -> Metrics:
        return {"return": mean_return(key, env, lambda key, obs: method.act(key, state, obs), 32)}

    return Task(method, experiment.steps, stream, stream, measure=measure, chunk=5)
