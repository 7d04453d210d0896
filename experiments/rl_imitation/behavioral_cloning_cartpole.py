"""The clone of an expert on CartPole-v1 that PPO trained: how it fares, and where it gets to, by how much it was shown.

The clone never plays while it learns. `relative_return` is the mean of its returns, divided by that of the expert's
returns. `shift` is the Jensen-Shannon divergence, from 0 to log 2, of the states that the two visit, in cells of angle
and angular velocity. The expert is trained first, unless --expert names a run of rl_policy/ppo_cartpole.

Run      python -m experiments rl_imitation/behavioral_cloning_cartpole
Expect   relative_return 1 ± 0.05 over 5 seeds
Tour     relative_return in [0.95, 1.05]
Cost     20 s
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments._control import scaled_cartpole
from experiments.rl_policy import ppo_cartpole
from experiments.session import load
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.run import train
from jaxicon.core.stream import placed, resident
from jaxicon.ops.divergences import jensen_shannon
from jaxicon.rl_imitation.behavioral_cloning import Config, behavioral_cloning, demonstrations

SHOWN = (10, 20, 50, 100, 200, 500, 1000)  # numbers of steps, in the figure
TRIALS = 32  # episodes of a policy that is measured
Agent = Callable[[Key, jax.Array], jax.Array]  # obs -> action


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 1000
    batch: int = 128
    episodes: int = 20  # demonstrated
    expert: Path | None = None


@cache
def expert(run: Path | None) -> Agent:
    """What a trained agent does: that of the run in a folder, or one that is trained here."""
    if run is None:
        task = ppo_cartpole.build(ppo_cartpole.Experiment())
        method, state = task.method, train(jax.random.key(0), task.method, task.stream, task.steps)[0]
    else:
        method, state = load(run)
    return lambda key, obs: method.act(key, state, obs)


@cache
def shown(run: Path | None, episodes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(obs, action) of the expert, step by step."""
    agent = expert(run)
    play = jax.jit(lambda key: demonstrations(key, scaled_cartpole(), agent, episodes))
    obs, action, alive = jax.tree.map(np.asarray, play(jax.random.key(seed)))
    return obs[alive], action[alive]


def outing(key: Key, agent: Agent) -> tuple[jax.Array, jax.Array]:
    """(mean return, share of the visits to each of 20 by 20 cells) over episodes: a step upright is a reward of 1."""
    obs, _, alive = demonstrations(key, scaled_cartpole(), agent, TRIALS)
    row, column = jnp.moveaxis(jnp.clip(10 + 15 * obs[..., 2:], 0, 19).astype(int), -1, 0)
    return alive.sum() / TRIALS, jnp.zeros((20, 20)).at[row, column].add(alive).ravel() / alive.sum()


def compare(key: Key, agent: Agent, other: Agent) -> Metrics:
    """How well the one does beside the other, and how far apart their states are."""
    (score, cells), (reference, usual) = (
        outing(k, a) for k, a in zip(jax.random.split(key), (agent, other), strict=True)
    )
    return {"relative_return": score / reference, "shift": jensen_shannon(cells, usual)}


def build(experiment: Experiment) -> Task:
    method = behavioral_cloning(experiment.method, scaled_cartpole().actions)
    pairs, others = (shown(experiment.expert, experiment.episodes, seed) for seed in (1, 2))

    def measure(key: Key, state: State) -> Metrics:
        return compare(key, lambda key, obs: method.act(key, state, obs), expert(experiment.expert))

    stream, held_out = resident(pairs, experiment.batch), resident(others, len(others[0]))
    return Task(method, experiment.steps, stream, held_out, measure=measure)


def figures(result: Result) -> dict:
    return {
        "What clones do that were shown the beginning of the same demonstrations, more of it or less": curves(result)
    }


def clones(result: Result, count: int) -> Metrics:
    """What is measured of clones that were shown the first `count` steps only, as often as the others all of them."""
    task, run = result.task, result.experiment
    few = jax.tree.map(lambda x: np.resize(x[:count], x.shape), shown(run.expert, run.episodes, 1))
    stream = task.stream._replace(load=placed(few))
    state, _ = train(result.keys, task.method, stream, run.steps)
    return jax.jit(jax.vmap(task.measure))(result.keys, state)


def curves(result: Result):
    """Return and shift over the number of demonstrated steps: mean and range of the seeds."""
    from matplotlib.figure import Figure

    agent = expert(result.experiment.expert)
    usual = jax.jit(lambda key: compare(key, agent, agent)["shift"])(jax.random.key(0))
    metrics = [*(clones(result, count) for count in SHOWN), result.metrics]
    counts = [*SHOWN, len(shown(result.experiment.expert, result.experiment.episodes, 1)[0])]
    figure = Figure(figsize=(7, 6), layout="constrained")
    rows = ("relative_return", "return / expert's return", 1), ("shift", "shift of the states (nats)", float(usual))
    for axes, (name, label, level) in zip(figure.subplots(2, sharex=True), rows, strict=True):
        values = np.stack([np.asarray(m[name]) for m in metrics])
        axes.plot(counts, values.mean(1), "o-", label=f"clone (mean and range of {values.shape[1]})")
        axes.fill_between(counts, values.min(1), values.max(1), alpha=0.2)
        axes.axhline(level, color="#c0392b", ls="--", label="expert")
        axes.set(xscale="log", ylim=(0, None))
        axes.set_ylabel(label, fontsize=12)
        axes.legend(fontsize=11)
        axes.grid(alpha=0.3)
    figure.suptitle("CartPole: cloning a PPO agent", fontsize=14)
    axes.set_xlabel("demonstrated steps (an episode has 500)", fontsize=12)
    return figure
