"""What it is worth to move at random on the grid with a star, and to take a shortest path.

-1 a move until the star is reached, undiscounted: a policy is worth minus the moves it takes in the mean. A policy
without a plan needs 268 moves from the upper left corner, the best one 8. The state is the value of the random policy:
without a discount, what contracts is the chance not to have arrived yet, and that takes thousands of sweeps.

Run      python -m experiments rl_tabular/policy_evaluation_star
Expect   value -268.03046 ± 0.00001 over 1 seeds
         shortest -8 ± 0.0000001 over 1 seeds
         solved_error <= 0.00001 over 1 seeds
Tour     value in [-268.0305, -268.0304]
Cost     5 s
Dtype    float64
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.rl_tabular._grids import best_actions, draw_grid
from experiments.task import Result, Task, first_seed
from jaxicon.envs.grid_world import STAR, star_grid
from jaxicon.envs.markov import induced, process_value
from jaxicon.ops.returns import policy_value
from jaxicon.rl_tabular.policy_evaluation import policy_evaluation


@dataclass(frozen=True)
class Experiment:
    steps: int = 6000


def policies() -> dict[str, np.ndarray]:
    """By name, each [s, a]: any move, and any move that shortens the way."""
    mdp = star_grid()
    value = np.zeros(len(mdp.reward))
    for _ in range(mdp.reward.size):
        q = mdp.reward + mdp.transition @ value
        value = q.max(1)
    shortest = best_actions(q).astype(float)
    return {"random": np.full(q.shape, 1 / q.shape[1]), "shortest": shortest / shortest.sum(1, keepdims=True)}


def build(experiment: Experiment) -> Task:
    mdp, policy = star_grid(), policies()
    random = policy["random"]

    def measure(key, value):
        best = policy_value(mdp.transition, mdp.reward, mdp.discount, jnp.asarray(policy["shortest"]))
        error = jnp.abs(value - process_value(induced(mdp, random))).max()
        return {"shortest": mdp.start @ best, "solved_error": error}

    return Task(policy_evaluation(mdp, random), experiment.steps, measure=measure)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    mdp, policy = star_grid(), policies()
    best = np.asarray(process_value(induced(mdp, policy["shortest"])))
    values = {"random": np.asarray(first_seed(result)), "shortest": best}
    grids = Figure(figsize=(10, 4.4), layout="constrained")
    for axes, (name, title) in zip(
        grids.subplots(1, 2), {"random": "Any move", "shortest": "Any move that shortens the way"}.items(), strict=True
    ):
        draw_grid(axes, STAR, values[name], policy[name] > 0, title, digits=1, size=10)
    curve = Figure(figsize=(6, 4), layout="constrained")
    axes = curve.subplots()
    axes.plot(result.history["t"], result.history["residual"].T, color="#1f77b4", lw=2.5)
    axes.set(yscale="log")
    axes.set_title("How much a sweep changes a value at most", fontsize=13)
    axes.set_xlabel("sweep", fontsize=12)
    axes.set_ylabel("residual", fontsize=12)
    axes.grid(alpha=0.3)
    return {"Minus the moves to the star, by policy": grids, "Convergence for the random policy": curve}
