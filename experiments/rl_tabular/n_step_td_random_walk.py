"""n-step TD on the random walk of 19 states, ends -1 and 1: the window that learns most from ten episodes.

Every window with seven step sizes, all of them on the same episodes, in 20 copies of each run. `n4_error` is the root
mean square error of the values of n = 4, in the mean over the ten episodes, states and copies, at the best step size.
Neither TD(0) nor Monte Carlo is best, but something in between.

Run      python -m experiments rl_tabular/n_step_td_random_walk --seeds 10
Expect   n1_error 0.346 ± 0.015 over 10 seeds
         n4_error 0.265 ± 0.02 over 10 seeds
         n1_loss >= 0.04 in 9 of 10 seeds
         n16_loss >= 0.02 in 9 of 10 seeds
         n1000_loss >= 0.15 in 10 of 10 seeds
Tour     n1000_loss in [0.15, 0.3]
Cost     30 s
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.method import Learner
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.rl_tabular.n_step_td import n_step_td
from jaxicon.rl_tabular.td0 import Config


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(horizon=1000)
    windows: tuple[int, ...] = (1, 2, 4, 8, 16, 1000)  # the last is Monte Carlo
    step_sizes: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
    copies: int = 20
    steps: int = 10


def build(experiment: Experiment) -> Task:
    return Task(learner(experiment), experiment.steps, chunk=1)


def learner(experiment: Experiment) -> Learner:
    """The state: values [copies, step sizes, ...] of every window, and the sum of the errors so far."""
    mdp = random_walk(19, -1.0, 1.0)
    sizes = jnp.array(experiment.step_sizes)

    def method(n, size):
        return n_step_td(replace(experiment.method, step_size=size), mdp, either_way(mdp), n)

    def each(function, key, *states):
        """function(method, key, *states) for every window, copy and step size."""
        keys = jax.random.split(key, experiment.copies)

        def window(n, *states):
            one = jax.vmap(
                lambda size, key, *state: function(method(n, size), key, *state), (0, None, *[0] * len(states))
            )
            return jax.vmap(lambda key, *state: one(sizes, key, *state))(keys, *states)

        return {n: window(n, *(state[n] for state in states)) for n in experiment.windows}

    def init(key, batch):
        states = each(lambda method, key: method.init(key, None), key)
        return states, {n: jnp.zeros((experiment.copies, sizes.size)) for n in experiment.windows}, jnp.int32(0)

    def step(key, state, batch):
        states, errors, t = state
        states = each(lambda method, key, state: method.step(key, state, None)[0], key, states)
        now = each(lambda method, key, state: method.evaluate(key, state, None)["error"], key, states)
        after = states, jax.tree.map(jnp.add, errors, now), t + 1
        return after, {f"n{n}_now": now[n].mean(0).min() for n in experiment.windows}

    def evaluate(key, state, batch):
        _, errors, t = state
        best = {n: (errors[n].mean(0) / t).min() for n in experiment.windows}
        losses = {f"n{n}_loss": best[n] - best[4] for n in experiment.windows if n != 4}
        return {f"n{n}_error": best[n] for n in experiment.windows} | losses

    return Learner(init, step, evaluate)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    _, errors, t = jax.tree.map(np.asarray, result.state)
    for n in result.experiment.windows:
        mean = errors[n].mean((0, 1)) / t[0]
        axes.plot(result.experiment.step_sizes, mean, "o-", label="Monte Carlo" if n == 1000 else f"n = {n}")
    axes.set(ylim=(0.24, 0.56), title="Mean error over the first ten episodes")
    axes.set_xlabel("step size", fontsize=12)
    axes.set_ylabel("root mean square error", fontsize=12)
    axes.legend(fontsize=10, ncols=2, loc="upper center")
    return {"Error of every window over the step size: a window of a few rewards is best": figure}
