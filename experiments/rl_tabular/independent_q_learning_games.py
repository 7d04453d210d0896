"""Two independent learners in four matrix games: the dilemma, the stag hunt, pennies, rock-paper-scissors.

`GAME_gap` is what both could gain by better replies to each other; in an equilibrium it is 0. Where one in pure
strategies exists they end near it, as near as the temperature of 0.1 (and what is left of the heat) lets them. In the
last two games they end near the mixed one, that is equal odds; `GAME_far` is the largest deviation of a probability.
In the dilemma both betray: `dilemma_reward_row` is about 1/4, where silence would pay 3/4.

Run      python -m experiments rl_tabular/independent_q_learning_games
Expect   dilemma_gap <= 0.08 in 10 of 10 seeds
         dilemma_reward_row 0.3 ± 0.015 over 10 seeds
         hunt_gap <= 0.03 in 10 of 10 seeds
         pennies_gap 0.12 ± 0.08 over 10 seeds
         pennies_far <= 0.15 in 9 of 10 seeds
         rock_paper_scissors_gap 0.12 ± 0.08 over 10 seeds
         rock_paper_scissors_far <= 0.15 in 9 of 10 seeds
Tour     dilemma_gap in [0, 0.15] with --steps 5000
Cost     20 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.envs.matrix_game import matrix_games
from jaxicon.ops.exploration import harmonic_decay
from jaxicon.rl_tabular.independent_q_learning import Config, independent_q_learning


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 20_000


def policies(config: Config, state) -> jax.Array:
    """[player, action]."""
    heat = harmonic_decay(state.rounds, config.heat, config.pace)
    return jax.nn.softmax(state.values / (config.temperature + heat))


def measure(experiment: Experiment, key: jax.Array, state: dict) -> dict:
    """How far they are from equal odds where those are the equilibrium."""
    far = lambda name: jnp.abs(policies(experiment.method, state[name]) - 1 / state[name].values.shape[-1]).max()
    return {f"{name}_far": far(name) for name in ("pennies", "rock_paper_scissors")}


def build(experiment: Experiment) -> Task:
    games = matrix_games()
    stream = same_for([*games], nothing)
    method = side_by_side({name: independent_q_learning(experiment.method, game) for name, game in games.items()})
    measured = lambda key, state: measure(experiment, key, state)
    return Task(method, experiment.steps, stream, stream, measure=measured, chunk=200)


def trajectories(result: Result, name: str) -> np.ndarray:
    """[seed, time, player, action]: the policies of the runs, played again."""
    method = independent_q_learning(result.experiment.method, matrix_games()[name])

    def step(key, state, t):
        return method.step(jax.random.fold_in(key, t), state, None)[0], policies(result.experiment.method, state)

    def run(key):
        start = method.init(jax.random.fold_in(key, result.experiment.steps), None)
        return jax.lax.scan(lambda state, t: step(key, state, t), start, jnp.arange(result.experiment.steps))[1]

    return np.asarray(jax.jit(jax.vmap(run))(result.keys))


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 3), ("dilemma", "hunt", "pennies"), strict=True):
        for path in trajectories(result, name)[:8]:
            axes.plot(path[::20, 0, 1], path[::20, 1, 1], lw=1, alpha=0.7)
            axes.plot(*path[-1, :, 1], "ko", ms=7)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_title(name, fontsize=14)
        axes.set_xlabel("row: probability of action 1", fontsize=12)
        axes.set_ylabel("column: probability of action 1", fontsize=12)
    return {"How both policies move, and where they end (dots): several runs": figure}
