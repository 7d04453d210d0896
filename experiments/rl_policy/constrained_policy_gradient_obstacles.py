"""The slippery obstacle grid, where the way along the obstacles is short and any slip into them costs 1.

An obstacle is the end here, pays nothing and is counted: the limit is on its discounted probability. `gap` is how much
less the mean of the policies earns than the linear programme over occupancies says is possible, `excess` how much it
is above the limit. Nothing is drawn at random, so one run says it all.

Run      python -m experiments rl_policy/constrained_policy_gradient_obstacles
Expect   gap <= 0.01 over 1 seeds
         excess <= 0.002 over 1 seeds
Tour     excess in [-1, 0.002]
Cost     10 s
Dtype    float64
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.grid_world import OBSTACLES, grid_world
from jaxicon.envs.tabular import MDP
from jaxicon.rl_policy.constrained_policy_gradient import Config, constrained_policy_gradient

LIMITS = (0.0, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(limit=0.05, step_size=0.3, price_step=2.0)
    steps: int = 10_000
    slip: float = 0.2


def field(slip: float) -> tuple[MDP, np.ndarray]:
    """The grid, and the probability that an action ends in an obstacle."""
    mdp = grid_world(OBSTACLES, {"G": 10.0, "X": 0.0}, terminal="GX", slip=slip, discount=0.95)
    hit = np.array(list("".join(OBSTACLES))) == "X"
    return mdp, np.where(mdp.terminal[:, None], 0, mdp.transition @ hit)


def most(mdp: MDP, cost: np.ndarray, limit: float) -> float:
    """The value of the best policy within the limit, by linear programming; nan where there is none."""
    pairs, states = mdp.reward.size, len(mdp.reward)
    flow = (np.eye(states)[:, None] - mdp.discount * mdp.transition).reshape(pairs, states).T
    found = linprog(-mdp.reward.ravel(), cost.reshape(1, -1), [limit], flow, mdp.start)
    return -found.fun if found.success else np.nan


def build(experiment: Experiment) -> Task:
    mdp, cost = field(experiment.slip)
    best = most(mdp, cost, experiment.method.limit)

    def measure(key: Key, state: State) -> Metrics:
        return {"gap": best - (state.occupancy * mdp.reward).sum()}

    method = constrained_policy_gradient(experiment.method, mdp, cost)
    return Task(method, experiment.steps, measure=measure, chunk=500)


def figures(result: Result) -> dict:
    return {
        "Visits of the mean policy; the more of a colour, the more visits": visited(result),
        "What a limit costs: the policies found, and the linear programme": front(result),
    }


def visited(result: Result):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    tiles = np.array([list(row) for row in OBSTACLES])
    visits = np.asarray(first_seed(result).occupancy).sum(1).reshape(tiles.shape)
    axes.imshow(np.where(np.isin(tiles, ["X", "G"]), 0, visits), cmap="Blues", vmax=1.2)
    for place, tile in np.ndenumerate(tiles):
        axes.text(*place[::-1], tile.replace(".", ""), ha="center", va="center", fontsize=14)
    axes.set(xticks=[], yticks=[], title=f"Limit {result.experiment.method.limit:g} on running into X")
    return figure


def front(result: Result):
    from matplotlib.figure import Figure

    mdp, cost = field(result.experiment.slip)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes, fine = figure.subplots(), np.linspace(0, max(LIMITS), 60)
    axes.plot(fine, [most(mdp, cost, limit) for limit in fine], color="#7f8c8d", label="linear programme")
    for limit in LIMITS:
        method = constrained_policy_gradient(replace(result.experiment.method, limit=limit), mdp, cost)
        state, _ = train(result.keys[0], method, nothing, result.experiment.steps)
        found = evaluate(result.keys[0], method, state, nothing, 1)
        axes.plot(found["cost"], found["value"], "o", color="#c0392b", label="found" if limit == LIMITS[0] else None)
    axes.set_xlabel("discounted probability of running into an obstacle", fontsize=12)
    axes.set_ylabel("value", fontsize=12)
    axes.legend(fontsize=12, loc="lower right")
    return figure
