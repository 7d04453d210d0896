"""SARSA and Q-learning on the cliff: the safe way and the shortest one, 500 episodes each.

Both explore one move in ten, for ever, with a step size of 1/2. `online` is the mean return of the last 100 of the 500
episodes, exploration included, and `edge` the share of all moves that are made along the edge. SARSA knows that whoever
walks there will slip one day and keeps away; `safe` is 1 where it was more often in the row farthest from the cliff.
Q-learning finds the shortest way, 13 moves, whose `value` is -13, and falls off it as long as it explores.

At this step size the values of SARSA never settle, and one run in ten is lost for dozens of moves now and then: the
mean over few seeds says little.

Run      python -m experiments rl_tabular/sarsa_cliff --seeds 50
Expect   sarsa_online -28 ± 4 over 50 seeds
         q_learning_online -50 ± 4 over 50 seeds
         gain >= 0 in 45 of 50 seeds
         q_learning_value >= -13 in 45 of 50 seeds
         sarsa_safe >= 1 in 45 of 50 seeds
         sarsa_edge <= 0.1 over 50 seeds
         q_learning_edge >= 0.6 over 50 seeds
         sarsa_episodes >= 500 in 50 of 50 seeds
         q_learning_episodes >= 500 in 50 of 50 seeds
Tour     q_learning_online in [-80, -35]
Cost     10 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.rl_tabular._records import with_episodes
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.envs.grid_world import CLIFF, cliff_walking
from jaxicon.rl_tabular.q_learning import Config, q_learning
from jaxicon.rl_tabular.sarsa import sarsa

NAMES = {"sarsa": "SARSA", "q_learning": "Q-learning"}
EPISODES, LAST = 500, 100
EDGE, FAR = range(25, 35), range(1, 11)  # the fields above the cliff, and two rows farther


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(0.5, 0.0, 0.1, float("inf"), 1000)
    steps: int = 18_000  # moves of each


def learned(name: str, state):
    """What Q-learning has for its state."""
    return state[name].inner.learned if name == "sarsa" else state[name].inner


def way(q, length: int = 40):
    """Fields [length] of the way along the best actions."""
    goes = jnp.asarray(cliff_walking().transition.argmax(-1))
    return jax.lax.scan(lambda s, _: (goes[s, q[s].argmax()], s), jnp.int32(36), None, length=length)[1]


def build(experiment: Experiment) -> Task:
    mdp = cliff_walking()
    silent = lambda key, state, batch: {}  # its best actions may go round for ever, which has no value
    methods = {
        "sarsa": with_episodes(sarsa(experiment.method, mdp), lambda state: state.learned.world, EPISODES)._replace(
            evaluate=silent
        ),
        "q_learning": with_episodes(q_learning(experiment.method, mdp), lambda state: state.world, EPISODES),
    }

    def measure(key, state):
        online = {name: state[name].score[-LAST:].mean() for name in NAMES}
        seen = {name: learned(name, state).visits.sum(-1) for name in NAMES}
        share = {name: visits[jnp.array(EDGE)].sum() / visits.sum() for name, visits in seen.items()}
        far = seen["sarsa"][jnp.array(FAR)].sum() > seen["sarsa"][jnp.array(EDGE)].sum()
        found = {f"{name}_online": online[name] for name in NAMES} | {f"{name}_edge": share[name] for name in NAMES}
        found |= {f"{name}_episodes": state[name].finished.astype(float) for name in NAMES}
        return found | {"gain": online["sarsa"] - online["q_learning"], "sarsa_safe": far.astype(float)}

    data = same_for(list(NAMES), nothing)
    return Task(side_by_side(methods), experiment.steps, data, data, measure=measure, chunk=1000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    curves, ways = Figure(figsize=(6.5, 4), layout="constrained"), Figure(figsize=(7, 5), layout="constrained")
    axes = curves.subplots()
    window = np.ones(20) / 20
    for (name, label), colour in zip(NAMES.items(), ("#1f77b4", "#e67e22"), strict=True):
        score = np.array([np.convolve(row, window, "valid") for row in np.asarray(result.state[name].score)])
        axes.plot(np.arange(20, EPISODES + 1), score.T, color=colour, alpha=0.08)
        axes.plot(np.arange(20, EPISODES + 1), score.mean(0), color=colour, lw=2.5, label=label)
    axes.set(ylim=(-120, 0), title="Return while learning, means of 20 episodes; every seed and their mean")
    axes.set_xlabel("episodes", fontsize=12)
    axes.legend(fontsize=12, loc="lower right")
    for axes, (name, label) in zip(ways.subplots(2, 1), NAMES.items(), strict=True):
        draw_ways(
            axes, np.asarray(jax.vmap(way)(learned(name, result.state).q)), f"{label}: the best actions, every seed"
        )
    return {"Return of the episodes played while learning": curves, "The ways they end up with": ways}


def draw_ways(axes, ways: np.ndarray, title: str) -> None:
    """The ways [seeds, t] of all seeds on the map."""
    ground = np.array([[{"C": 1.0, ".": 0.0}.get(tile, 0.3) for tile in row] for row in CLIFF])
    axes.imshow(ground, cmap="Greys", vmax=2)
    axes.text(5.5, 3, "the cliff", ha="center", va="center", fontsize=13)
    for i, fields in enumerate(ways):
        rows, columns = np.divmod(fields, 12)
        shift = 0.3 * (i / max(len(ways) - 1, 1) - 0.5)
        axes.plot(columns + shift, rows + shift, color="#c0392b", alpha=0.6)
    axes.set(xticks=[], yticks=[], title=title)
