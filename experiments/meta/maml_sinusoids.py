"""Sine waves from ten points: MAML against the same network pretrained on all waves together.

Both see the same waves, the pretrained network all 20 points of each in every update, MAML 10 to adapt and 10 to judge.
`maml_1` and `pretrained_1` are mean squared errors after one step on ten points of a new wave, over 500 waves; MAML
steps at the rate it was trained with, the pretrained network at the best rate of a grid for these very waves.
`ratio` is the one by the other. No step at all costs the pretrained network 3.0: it has learned the mean wave.

Run      python -m experiments meta/maml_sinusoids
Expect   ratio <= 0.333 in 3 of 3 seeds
         maml_1 0.6 ± 0.15 over 3 seeds
         pretrained_1 2.5 ± 0.4 over 3 seeds
Tour     ratio in [0.2, 0.7] with --steps 2000
Cost     70 s
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Learner
from jaxicon.core.stream import synthetic
from jaxicon.data.sinusoids import Tasks, X, sinusoids
from jaxicon.meta.maml import Config, adapt, maml, squared_error
from jaxicon.nn.mlp import mlp

NET = mlp(40, 40, 1)
LOSS = squared_error(NET)
RATES = jnp.array([0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2])


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 6000
    tasks: int = 25  # in a batch
    shots: int = 10


def beside(methods: dict[str, Learner], batches: dict[str, Callable]) -> Learner:
    """Several methods on the same stream, each with its own view of a batch; their states and metrics by name."""

    def each(function: Callable) -> dict:
        return {name: function(method, batches[name], name) for name, method in methods.items()}

    def named(found: dict) -> dict:
        return {f"{name}_{metric}": value for name, metrics in found.items() for metric, value in metrics.items()}

    def init(key: Key, batch):
        return each(lambda method, view, name: method.init(key, view(batch)))

    def step(key: Key, state, batch):
        found = each(lambda method, view, name: method.step(key, state[name], view(batch)))
        return {name: after for name, (after, _) in found.items()}, named({n: m for n, (_, m) in found.items()})

    def evaluate(key: Key, state, batch):
        return named(each(lambda method, view, name: method.evaluate(key, state[name], view(batch))))

    return Learner(init, step, evaluate)


def all_points(tasks: Tasks) -> Tasks:
    return Tasks(tasks.support, jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *tasks))


def path(params, tasks: Tasks, rate: float, steps: int):
    """Mean squared error [steps + 1] on new waves after 0 .. steps steps."""

    def step(phis, _):
        error = jax.vmap(LOSS)(phis, tasks.query).mean()
        return jax.vmap(lambda phi, support: adapt(LOSS, phi, support, rate, 1))(phis, tasks.support), error

    count = tasks.query[0].shape[0]
    start = jax.tree.map(lambda p: jnp.broadcast_to(p, (count, *p.shape)), params)
    return jax.lax.scan(step, start, length=steps + 1)[1]


def errors(experiment: Experiment, state, tasks: Tasks, steps: int) -> dict:
    """`path` by name; for `pretrained` at the rate that is best for each number of steps."""
    tried = jax.vmap(lambda rate: path(state["pretrained"].params, tasks, rate, steps))(RATES)
    best = jnp.where(jnp.isfinite(tried), tried, jnp.inf).min(0)
    return {"maml": path(state["maml"].params, tasks, experiment.method.inner_rate, steps), "pretrained": best}


def build(experiment: Experiment) -> Task:
    methods = {
        "maml": maml(experiment.method, NET, LOSS),
        "pretrained": maml(replace(experiment.method, inner_steps=0), NET, LOSS),
    }
    views = {"maml": lambda tasks: tasks, "pretrained": all_points}
    stream = synthetic(lambda key: sinusoids(key, experiment.tasks, experiment.shots, experiment.shots))

    def measure(key: Key, state) -> dict:
        error = errors(experiment, state, sinusoids(key, 500, experiment.shots, 100), 1)
        found = {f"{name}_1": curve[1] for name, curve in error.items()}
        return found | {"ratio": found["maml_1"] / found["pretrained_1"]}

    held_out = synthetic(lambda key: sinusoids(key, 500, experiment.shots, experiment.shots))
    return Task(beside(methods, views), experiment.steps, stream, held_out, measure=measure, chunk=500)


def figures(result: Result) -> dict:
    return {
        "Two new waves, learned from ten points": waves(result),
        "Error on new waves": learning_curves(result),
    }


def waves(result: Result):
    """What both networks predict after 0, 1 and 5 steps at MAML's rate, for two waves of twenty: the middle in height
    and the highest."""
    from matplotlib.figure import Figure

    state, rate = first_seed(result), result.experiment.method.inner_rate
    x = jnp.linspace(*X, 200)[:, None]
    new = sinusoids(jax.random.key(3), 20, result.experiment.shots, 1)
    height = abs(new.support[1]).max((1, 2)).argsort()

    @jax.jit
    def adapted(params, points):
        return [NET.apply(adapt(LOSS, params, points, rate, steps), x) for steps in (0, 1, 5)]

    figure = Figure(figsize=(7, 5.5), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for i, row in zip((height[10], height[19]), panels, strict=True):
        points = jax.tree.map(lambda x: x[i], new.support)
        wave = np.linalg.lstsq(np.hstack([np.sin(points[0]), np.cos(points[0])]), np.asarray(points[1]), rcond=None)[0]
        for name, axes in zip(("maml", "pretrained"), row, strict=True):
            axes.plot(x, wave[0] * np.sin(x) + wave[1] * np.cos(x), color="0.6", lw=4, label="the wave")
            curves = adapted(state[name].params, points)
            for curve, style, label in zip(curves, (":", "--", "-"), ("0 steps", "1 step", "5 steps"), strict=True):
                axes.plot(x, curve, style, lw=2, label=label)
            axes.plot(*points, "k^", markersize=7)
            axes.set_title(name, fontsize=13)
            axes.grid(alpha=0.3)
        row[0].set_ylabel("y", fontsize=13)
    for axes in panels[1]:
        axes.set_xlabel("x", fontsize=13)
    panels[0, 0].legend(fontsize=10)
    return figure


def learning_curves(result: Result):
    """Error against the number of steps: mean and range of the seeds."""
    from matplotlib.figure import Figure

    tasks = sinusoids(jax.random.key(4), 500, result.experiment.shots, 100)
    found = jax.jit(jax.vmap(lambda state: errors(result.experiment, state, tasks, 10)))(result.state)
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, label in (("pretrained", "pretrained, best rate for each number of steps"), ("maml", "MAML")):
        curves = np.asarray(found[name])
        axes.plot(curves.mean(0), "o-", label=label)
        axes.fill_between(range(11), curves.min(0), curves.max(0), alpha=0.2)
    axes.set(xlabel="steps on ten points", ylabel="mean squared error", ylim=(0, None))
    axes.set_title(f"New waves (seeds: {len(result.keys)}; mean, range)")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
