"""Fully fitted Q-iteration on slippery FrozenLake, 4x4: one table fitted 400 times to 20,000 moves at random.

Beside it, `biased`, the same from as many moves of a policy that goes left or down nine times in ten. `value` is what
the greedy policy is worth exactly at the start, at best 0.5420; `error` is the largest difference between the learned
action values and the optimal ones.

Run      python -m experiments rl_value/fully_fitted_q_frozen_lake
Expect   uniform_value >= 0.45 over 10 seeds
Tour     uniform_value in [0.3, 0.5421]
Cost     60 s
Dtype    float64
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.rl_tabular.value_iteration_frozen_lake import draw_lake
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Agent, Key, Metrics, State
from jaxicon.core.stream import nothing
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import environment
from jaxicon.nn.regression import least_squares
from jaxicon.ops.exploration import draw, greedy
from jaxicon.ops.returns import action_values, policy_value
from jaxicon.rl_value.fully_fitted_q import Config, fully_fitted_q

CHANCES = {"uniform": [0.25] * 4, "biased": [0.45, 0.45, 0.05, 0.05]}  # left, down, right, up


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(envs=100, moves=200)
    steps: int = 400


def build(experiment: Experiment) -> Task:
    mdp = frozen_lake(discount=experiment.method.discount)
    env = environment(mdp, 100)._replace(observe=lambda state: jax.nn.one_hot(state, 16))

    def method(name: str) -> Agent:
        play = lambda key, obs: draw(key, jnp.array(CHANCES[name]))
        return fully_fitted_q(experiment.method, env, least_squares(4), play)

    def measure(key: Key, state: State) -> Metrics:
        backup = lambda value: action_values(mdp.transition, mdp.reward, mdp.discount, value)
        best = backup(jax.lax.fori_loop(0, 2000, lambda _, value: backup(value).max(-1), jnp.zeros(16)))
        metrics = {}
        for name in CHANCES:
            q = state[name].fit
            worth = policy_value(mdp.transition, mdp.reward, mdp.discount, jax.vmap(greedy)(q))
            metrics |= {f"{name}_value": mdp.start @ worth, f"{name}_error": jnp.abs(q - best).max()}
        return metrics

    methods = {name: method(name) for name in CHANCES}
    stream = same_for([*CHANCES], nothing)
    return Task(side_by_side(methods), experiment.steps, stream, stream, measure=measure)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), CHANCES, strict=True):
        q = np.asarray(first_seed(result)[name].fit)
        draw_lake(axes, "4x4", q.max(-1), q, f"Learned from {name} play, first seed")
    return {"Learned values and the best ways to go, by who played": figure}
