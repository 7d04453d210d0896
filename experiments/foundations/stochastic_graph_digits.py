"""Random binary units on the 8x8 digits, trained by the score function with and without a baseline.

`leave_one_out` and `bare` differ in the baseline alone; in `fixed` no gradient reaches the units, only the last layer
learns. `noise_*` is the standard deviation of the gradient of the units' weights over the length of its mean, at the
parameters that `leave_one_out` found. The rate was chosen for `leave_one_out`; the others have the same.

Run      python -m experiments foundations/stochastic_graph_digits
Expect   leave_one_out_accuracy 0.965 ± 0.01 over 5 seeds
         bare_accuracy 0.944 ± 0.015 over 5 seeds
         fixed_accuracy 0.44 ± 0.08 over 5 seeds
         leave_one_out_cost 0.215 ± 0.04 over 5 seeds
         bare_cost 0.338 ± 0.04 over 5 seeds
         noise_leave_one_out 2.7 ± 0.5 over 5 seeds
         noise_bare 4.1 ± 0.8 over 5 seeds
Tour     leave_one_out_accuracy in [0.94, 1]
Cost     35 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.method import Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.stochastic_graph import Config, draw, leave_one_out, no_baseline, objective, stochastic_graph

BASELINES = {"leave_one_out": leave_one_out, "bare": no_baseline, "fixed": lambda q: q}
SAMPLES = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 1000
    batch: int = 64


def noise(key: Key, params, batch, samples: int, repeats: int = 64) -> dict:
    """Relative noise of the gradient of the first layer's weights, by baseline, over so many draws for one batch."""

    def slope(key, baseline):
        states = draw(key, params, batch[0], samples)
        value = lambda params: objective(params, states, batch, baseline)[0].mean()
        return jax.grad(value)(params)["params"]["Dense_0"]["kernel"].ravel()

    keys = jax.random.split(key, repeats)
    slopes = {name: jax.lax.map(lambda k: slope(k, BASELINES[name]), keys) for name in ("leave_one_out", "bare")}
    signal = jnp.linalg.norm(slopes["leave_one_out"].mean(0))
    return {name: jnp.sqrt(s.var(0).sum()) / signal for name, s in slopes.items()}


def build(experiment: Experiment) -> Task:
    train, test = digits()
    methods = {name: stochastic_graph(experiment.method, 10, baseline) for name, baseline in BASELINES.items()}

    def measure(key: Key, state) -> dict:
        batch = tuple(jnp.asarray(part[: experiment.batch]) for part in train)
        found = noise(key, state["leave_one_out"].params, batch, experiment.method.samples)
        return {f"noise_{name}": value for name, value in found.items()}

    return Task(
        side_by_side(methods),
        experiment.steps,
        stream=same_for([*methods], epochs(train, experiment.batch)),
        held_out=same_for([*methods], epochs(test, 360)),
        measure=measure,
        chunk=50,
    )


def figures(result: Result) -> dict:
    batch = tuple(jnp.asarray(part[: result.experiment.batch]) for part in digits().train)

    def by_samples(key, params):
        found = [noise(key, params, batch, samples) for samples in SAMPLES]
        return {name: jnp.stack([f[name] for f in found]) for name in found[0]}

    first = jax.tree.map(lambda x: x[0], result.state["leave_one_out"].params)
    noises = jax.tree.map(np.asarray, jax.jit(by_samples)(result.keys[0], first))
    return {"Training accuracy by what multiplies log p; noise of the gradient by samples": panels(result, noises)}


def panels(result: Result, noises: dict):
    """Left: means over the seeds; right: the first seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    learning, gradient = figure.subplots(1, 2)
    labels = {"leave_one_out": "cost - mean of the others", "bare": "cost", "fixed": "0: the units stay as they are"}
    for name, label in labels.items():
        learning.plot(result.history["t"], 100 * result.history[f"{name}_accuracy"].mean(0), lw=2, label=label)
        if name in noises:
            gradient.loglog(SAMPLES, noises[name], "o-", lw=2, label=label)
    learning.set_xlabel("step", fontsize=13)
    learning.set_ylabel("training accuracy (%)", fontsize=13)
    gradient.set_xlabel("samples of the units", fontsize=13)
    gradient.set_ylabel("noise / signal of the gradient", fontsize=13)
    gradient.set_xticks(SAMPLES, map(str, SAMPLES))
    gradient.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    gradient.minorticks_off()
    for axes in (learning, gradient):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=11, title="log p is multiplied by", title_fontsize=11)
    return figure
