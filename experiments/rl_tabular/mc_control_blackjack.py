"""Monte-Carlo control of blackjack with exploring starts: when to draw another card.

`value` is what the greedy policy is worth exactly, at the start of a game; the best there is, by value iteration on the
tables, is -0.0466. `agreement` is the share of the 200 states in which both do the same: where sticking and hitting are
nearly the same, so few games do not tell which is better.

Run      python -m experiments rl_tabular/mc_control_blackjack --seeds 10
Expect   value >= -0.053 in 10 of 10 seeds
         agreement >= 0.94 over 10 seeds
Tour     value in [-0.1, -0.046] with --steps 30000
Cost     40 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.envs.blackjack import blackjack
from jaxicon.envs.tabular import MDP, look_ahead
from jaxicon.rl_tabular.mc_control import Config, mc_control


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(8)  # longer games are rare
    steps: int = 100_000  # games


def best(mdp: MDP) -> np.ndarray:
    """Q*: no game is longer than the number of sweeps."""
    q = np.zeros(mdp.reward.shape)
    for _ in range(30):
        q = look_ahead(mdp, q.max(-1))
    return q


def build(experiment: Experiment) -> Task:
    mdp = blackjack()
    optimal = best(mdp)[:200].argmax(-1)

    def measure(key, state):
        return {"agreement": jnp.mean(state.q[:200].argmax(-1) == optimal)}

    return Task(mc_control(experiment.method, mdp), experiment.steps, measure=measure, chunk=10_000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7.5), layout="constrained")
    learned, optimal = np.asarray(first_seed(result).q), best(blackjack())
    for column, (q, title) in enumerate(((learned, "learned, first seed"), (optimal, "best"))):
        for row, usable in enumerate((False, True)):
            axes = figure.add_subplot(2, 2, 1 + 2 * row + column)
            table = q[100 * usable : 100 * usable + 100]
            gain = (table[:, 1] - table[:, 0]).reshape(10, 10)
            axes.imshow(gain, origin="lower", cmap="RdBu", vmin=-0.5, vmax=0.5, extent=(0.5, 10.5, 11.5, 21.5))
            for s, hit in enumerate(gain.ravel() > 0):
                axes.text(s % 10 + 1, s // 10 + 12, "hit" if hit else "", ha="center", va="center", fontsize=8)
            axes.set(xticks=range(1, 11), yticks=range(12, 22))
            axes.set_title(f"{'usable' if usable else 'no usable'} ace, {title}", fontsize=12)
            axes.set_xlabel("open card of the dealer", fontsize=11)
            axes.set_ylabel("own sum", fontsize=11)
    return {"When to hit: in blue hitting is better, in red sticking; pale fields are nearly even": figure}
