"""Tile-coded SARSA on MountainCar: 120,000 moves, eight tilings of 9 x 9 tiles, greedy from the first move.

Every reward is -1, so values that start at 0 are hopeful: what was not tried looks best, and no other exploration is
needed. The return is minus the number of moves; an episode that does not arrive is cut off after 200.

Run      python -m experiments rl_value/tile_coded_sarsa_mountain_car
Expect   return >= -150 in 10 of 10 seeds
         return -115 ± 10 over 10 seeds
Tour     return in [-150, -90] with --steps 60000
Cost     15 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments import pictures
from experiments._control import film, learning_curve
from experiments.task import Result, Task, first_seed
from jaxicon.envs.mountain_car import mountain_car
from jaxicon.ops.tiles import tiles
from jaxicon.rl_value.tile_coded_sarsa import Config, tile_coded_sarsa


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 120_000


def build(experiment: Experiment) -> Task:
    return Task(tile_coded_sarsa(experiment.method, mountain_car()), experiment.steps, chunk=1000)


def figures(result: Result) -> dict:
    draw = lambda state, action, caption: pictures.mountain_car(state.x, action - 1, caption)
    title = "MountainCar: return while learning"
    return {
        "Return of the episodes played while learning": learning_curve(result, 1, title, -150, "-150"),
        "Moves still to go, as the first seed expects them: up the hill one comes by turning round and round": to_go(
            result
        ),
        "One episode of the greedy policy (first seed), every second frame": film(result, mountain_car(), draw, 2),
    }


def to_go(result: Result):
    """Minus the best action's value over position and velocity."""
    from matplotlib.figure import Figure

    config, weights = result.experiment.method, first_seed(result).weights
    grid = jnp.stack(jnp.meshgrid(jnp.linspace(0, 1, 120), jnp.linspace(0, 1, 120)), -1).reshape(-1, 2)
    active = jax.vmap(lambda x: tiles(x, config.tilings, config.bins))(grid)
    cost = -np.asarray(weights[:, active].sum(-1).max(0)).reshape(120, 120)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    extent = (config.low[0], config.high[0], config.low[1], config.high[1])
    shown = axes.imshow(cost, origin="lower", extent=extent, aspect="auto", cmap="viridis")
    figure.colorbar(shown, label="moves to go")
    axes.set_xlabel("position", fontsize=12)
    axes.set_ylabel("velocity", fontsize=12)
    return figure
