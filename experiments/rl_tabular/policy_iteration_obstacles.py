"""Policy iteration on the field of obstacles: the more it slips, the wider the berth.

+10 at the goal, -100 and the end at a rock, -1 for any other step, discount 0.9; with probability `slip` a move goes to
either side instead. At a slip of 0.1 the way from the start has 12 moves and keeps off the rocks, at 0 and at 0.02 it
has 6, straight between them. `iterations` counts the policies until none changes any more, from a random one.

Run      python -m experiments rl_tabular/policy_iteration_obstacles
Expect   value -4.714576 ± 0.000001 over 10 seeds
         residual <= 1e-9 in 10 of 10 seeds
         iterations 6 ± 2 over 10 seeds
         iterations <= 10 in 10 of 10 seeds
         moves_0 6 ± 0 over 10 seeds
         moves_2 6 ± 0 over 10 seeds
         moves_10 12 ± 0 over 10 seeds
         moves_30 12 ± 0 over 10 seeds
Tour     value in [-4.714577, -4.714575]
Cost     10 s
Dtype    float64
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.rl_tabular._grids import draw_grid, draw_path
from experiments.task import Result, Task
from jaxicon.core.run import parts
from jaxicon.envs.grid_world import MOVES, OBSTACLES, obstacle_grid
from jaxicon.rl_tabular.policy_iteration import Config, policy_iteration

SLIPS = (0.0, 0.02, 0.1, 0.3)


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 12
    slip: float = 0.1


def build(experiment: Experiment) -> Task:
    method = policy_iteration(experiment.method, obstacle_grid(experiment.slip))

    def measure(key, state):
        found = {f"moves_{slip:.0%}"[:-1]: moves(solve(key, experiment, slip).policy) for slip in SLIPS}
        advance = lambda state, _: method.step(key, state, None)
        history = jax.lax.scan(advance, method.init(parts(key)[0], None), None, experiment.steps)[1]
        return found | {"iterations": (history["changed"] > 0).sum()}

    return Task(method, experiment.steps, measure=measure, chunk=1)


def solve(key, experiment: Experiment, slip: float):
    method = policy_iteration(experiment.method, obstacle_grid(slip))
    step = lambda _, state: method.step(key, state, None)[0]
    return jax.lax.fori_loop(0, experiment.steps, step, method.init(parts(key)[0], None))


def moves(policy) -> jax.Array:
    """The length of the way from the start, if none slips; at most one move a cell."""
    cells = np.array([list(row) for row in OBSTACLES])
    limit = jnp.array(cells.shape) - 1

    def advance(_, now):
        place, count = now
        over = jnp.asarray(np.isin(cells, ["G", "X"]))[place[0], place[1]]
        after = jnp.clip(place + jnp.array(MOVES)[policy[place[0] * cells.shape[1] + place[1]]], 0, limit)
        return jnp.where(over, place, after), count + ~over

    start = jnp.array(np.argwhere(cells == "S")[0])
    return jax.lax.fori_loop(0, cells.size, advance, (start, jnp.zeros((), int)))[1]


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    ways = Figure(figsize=(10, 10.4), layout="constrained")
    for axes, slip in zip(ways.subplots(2, 2).flat, SLIPS, strict=True):
        state = jax.jit(lambda key, slip=slip: solve(key, result.experiment, slip))(result.keys[0])
        policy = np.asarray(state.policy)
        draw_grid(axes, OBSTACLES, np.asarray(state.value), np.eye(4, dtype=bool)[policy], "", digits=1, size=9)
        count = draw_path(axes, OBSTACLES, policy)
        axes.set_title(f"slip {slip:g}: {count} moves", fontsize=13)
    curve = Figure(figsize=(6, 4), layout="constrained")
    axes = curve.subplots()
    axes.plot(result.history["t"], result.history["value"].T, "o-", color="#1f77b4", alpha=0.6)
    axes.set_title("Value of the policies at the start, every seed", fontsize=13)
    axes.set(xlim=(0.7, 8.3))
    axes.set_xlabel("policy", fontsize=12)
    axes.set_ylabel("value", fontsize=12)
    axes.grid(alpha=0.3)
    return {
        "The best policy, by slip; in red the way if no move slips": ways,
        "No policy is worse than the last": curve,
    }
