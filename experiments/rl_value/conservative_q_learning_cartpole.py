"""Four ways to learn CartPole-v1 from 20,000 logged moves, a quarter of which are an expert's.

The expert is a linear controller that holds the pole for all 500 steps and chooses at random one time in five; a half
of the moves are those of another one that lets the cart run away, a quarter are random. `conservative` Q-learning and
`constrained` (discrete BCQ, threshold 0.3) keep to what was tried; `naive` is Q-learning on the same data, `cloning`
does what was done most often. All have the same networks and see the same batches; `return` is the mean over 32
episodes, a `lead` the difference of two, `q` what a method expects of the logged actions, of which none is worth more
than 100. The constrained form does no better than cloning here.

Run      python -m experiments rl_value/conservative_q_learning_cartpole
Expect   lead_over_naive >= 150 over 10 seeds
         lead_over_naive >= 0 in 9 of 10 seeds
         lead_over_cloning >= 20 over 10 seeds
         conservative_return >= 400 over 10 seeds
Tour     conservative_return in [300, 500]
Cost     90 s
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments._control import scaled_cartpole
from experiments._side_by_side import side_by_side
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.stream import resident
from jaxicon.envs.environment import Discrete, Transition, mean_return
from jaxicon.rl_imitation.behavioral_cloning import Config as CloningConfig
from jaxicon.rl_imitation.behavioral_cloning import behavioral_cloning
from jaxicon.rl_value.conservative_q_learning import Config, batch_constrained, conservative_q_learning
from jaxicon.rl_value.fully_fitted_q import collected

EXPERT, RECKLESS = (0.2, 0.6, 0.6, 2.0), (-2.0, -2.0, 0.6, 2.0)  # of what the agents see
SHARES = {"expert": (EXPERT, 0.2, 10), "reckless": (RECKLESS, 0.2, 20), "random": (EXPERT, 1.0, 10)}  # of 40 copies


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    moves: int = 500  # of every copy
    batch: int = 256
    threshold: float = 0.3
    steps: int = 5000


def logged(moves: int) -> Transition:
    """Of every policy in SHARES, played side by side: with probability `wild` any action, else by the sign of a sum."""

    def play(weights: tuple, wild: float, copies: int, key: Key) -> Transition:
        def act(key: Key, obs):
            wild_key, any_key = jax.random.split(key)
            ruled = (obs @ jnp.array(weights) > 0).astype(int)
            return jnp.where(jax.random.bernoulli(wild_key, wild), jax.random.randint(any_key, (), 0, 2), ruled)

        return collected(key, scaled_cartpole(), act, copies, moves)

    keys = jax.random.split(jax.random.key(0), len(SHARES))
    parts = [jax.jit(partial(play, *share))(key) for key, share in zip(keys, SHARES.values(), strict=True)]
    return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def build(experiment: Experiment) -> Task:
    env, run = scaled_cartpole(), experiment.method
    actions = Discrete(2)
    methods = {
        "conservative": conservative_q_learning(run, actions),
        "constrained": conservative_q_learning(run, actions, batch_constrained(2, experiment.threshold)),
        "naive": conservative_q_learning(replace(run, alpha=0.0), actions),
        "cloning": behavioral_cloning(CloningConfig(run.hidden, run.learning_rate), actions),
    }
    batches = resident(logged(experiment.moves), experiment.batch)

    def draw(row, arrays):
        seen = batches.draw(row, arrays)
        return dict.fromkeys(methods, seen) | {"cloning": (seen.obs, seen.action)}

    def measure(key: Key, state: State) -> Metrics:
        play = lambda name, key: mean_return(key, env, lambda key, obs: methods[name].act(key, state[name], obs), 32)
        keys = jax.random.split(key, len(methods))
        returns = {name: play(name, key) for name, key in zip(methods, keys, strict=True)}
        leads = {f"lead_over_{name}": returns["conservative"] - returns[name] for name in ("naive", "cloning")}
        return {f"{name}_return": found for name, found in returns.items()} | leads

    stream = batches._replace(draw=draw)
    return Task(side_by_side(methods), experiment.steps, stream, stream, measure=measure, chunk=100)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = ("conservative", "constrained", "naive", "cloning")
    for place, name in enumerate(names):
        found = np.asarray(result.metrics[f"{name}_return"])
        left.bar(place, found.mean(), color=f"C{place}", alpha=0.5)
        left.plot(np.full(len(found), place), found, "o", color=f"C{place}")
    left.set_xticks(range(len(names)), names)
    left.set(title="Return, every seed")
    for place, name in enumerate(names[:3]):
        for n, single in enumerate(result.history[f"{name}_q"]):
            right.plot(result.history["t"], single, color=f"C{place}", alpha=0.5, label=None if n else name)
    right.axhline(100, color="#888888", ls="--", label="upright for ever")
    right.set(title="Expected of the logged actions")
    right.set_xlabel("steps of gradient descent", fontsize=12)
    right.legend()
    return {"What was learned from the same moves, and what it was thought to be worth": figure}
