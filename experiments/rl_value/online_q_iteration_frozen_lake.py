"""Online Q-iteration on slippery FrozenLake, the network a table: Q-learning, found by gradient descent on every move.

The best policy reaches the goal in 0.74 of the episodes of 100 moves.

Run      python -m experiments rl_value/online_q_iteration_frozen_lake
Expect   return >= 0.65 over 10 seeds
Tour     return in [0.5, 0.9]
Cost     10 s
"""

from dataclasses import dataclass

import jax

from experiments._control import learning_curve
from experiments.task import Result, Task
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import environment
from jaxicon.nn.q_networks import table
from jaxicon.rl_value.online_q_iteration import Config, online_q_iteration


@dataclass(frozen=True)
class Experiment:
    steps: int = 200_000
    method: Config = Config(learning_rate=0.02, discount=0.99, epsilon_end=0.3, epsilon_steps=100_000.0, episodes=500)


def build(experiment: Experiment) -> Task:
    lake = environment(frozen_lake(), 100)._replace(observe=lambda state: jax.nn.one_hot(state, 16))
    return Task(online_q_iteration(experiment.method, lake, table), experiment.steps, chunk=5000)


def figures(result: Result) -> dict:
    title = "FrozenLake: return while learning, exploration included"
    return {"Return of the episodes played": learning_curve(result, 1, title, 0.74, "best policy: 0.74")}
