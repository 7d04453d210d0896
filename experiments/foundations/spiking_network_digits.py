"""A spiking network reads the 8x8 digits by a rate code: a pixel fires at a step with a probability, its grey.

The class is the output neuron that fires most in 25 steps. `accuracy_5` is what the first 5 steps alone tell, `firing`
the share of steps at which a neuron fires. `accuracy_silent` is that of the same network before training. With the true
derivative of a spike, zero almost everywhere (--method.surrogate fast_sigmoid --method.slope 1e9), it stays there.

Run      python -m experiments foundations/spiking_network_digits
Expect   accuracy 0.967 ± 0.015 over 5 seeds
         accuracy >= 0.9 in 5 of 5 seeds
         accuracy_5 0.93 ± 0.03 over 5 seeds
         accuracy_silent <= 0.2 over 5 seeds
Tour     accuracy in [0.9, 1]
Cost     30 s
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import Stream, epochs, keys_at
from jaxicon.data.digits import digits
from jaxicon.foundations.spiking_network import Config, activity, rate_code, spiking_network

CODE = 1  # place of the code's randomness among the data's


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(128,), learning_rate=2e-3)
    time: int = 25  # steps of a train of spikes
    steps: int = 1000
    batch: int = 64


def encoded(stream: Stream, code: Callable[[Key, jax.Array], jax.Array]) -> Stream:
    """The batches (x, y) of a stream with a new code of x every time."""

    def plan(key, ts, arrays):
        return stream.plan(key, ts, arrays), keys_at(jax.random.fold_in(key, CODE), ts)

    def draw(row, arrays):
        x, y = stream.draw(row[0], arrays)
        return code(jax.random.wrap_key_data(row[1]), x), y

    return Stream(stream.load, plan, draw)


def over_time(params, x: jax.Array, y: jax.Array, config: Config) -> jax.Array:
    """Accuracy [t] of what the readout makes of the steps until then."""
    spikes, potentials = activity(params, x, config)[-1]
    seen = (spikes if config.readout == "count" else potentials).cumsum(0)
    return (seen.argmax(-1) == y[None]).mean(-1)


def build(experiment: Experiment) -> Task:
    train, test = digits()
    code = partial(rate_code, steps=experiment.time)
    method = spiking_network(experiment.method, classes=10)

    def measure(key: Key, state: Fit) -> dict:
        x_key, init_key = jax.random.split(key)
        x, y = code(x_key, jnp.asarray(test[0])), jnp.asarray(test[1])
        silent = method.init(init_key, (x, y))
        return {
            "accuracy_5": over_time(state.params, x, y, experiment.method)[4],
            "accuracy_silent": over_time(silent.params, x, y, experiment.method)[-1],
        }

    stream, held_out = (encoded(epochs(*data), code) for data in ((train, experiment.batch), (test, 360)))
    return Task(method, experiment.steps, stream, held_out, measure=measure)


def figures(result: Result) -> dict:
    experiment, (x, y) = result.experiment, digits().test
    trains = rate_code(jax.random.key(0), jnp.asarray(x), experiment.time)
    curves = jax.jit(jax.vmap(lambda state: over_time(state.params, trains, jnp.asarray(y), experiment.method)))
    layers = activity(first_seed(result).params, trains[:1], experiment.method)
    return {
        f"One {y[0]}: spikes of every layer, potentials of the output": raster(trains[0], layers, experiment.method),
        "What has been counted after so many steps": accuracies(np.asarray(curves(result.state))),
    }


def raster(x, layers: list, config: Config):
    """One example through the network; the output neurons in colours."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 8), layout="constrained")
    rows = figure.subplots(4, 1, sharex=True, height_ratios=(2, 2.6, 1.4, 2.2))
    spikes = [np.asarray(x), *(np.asarray(s[:, 0]) for s, _ in layers)]
    names = ("pixel", "hidden neuron", "output neuron")
    for axes, name, dots in zip(rows, names, (spikes[0], spikes[1], spikes[-1]), strict=False):
        t, place = np.nonzero(dots)
        output = name == "output neuron"
        colours = [f"C{i}" for i in place] if output else "black"
        axes.scatter(t + 1, place, s=70 if output else 14, c=colours, marker="|", linewidths=2 if output else 1.2)
        axes.set_ylabel(name, fontsize=12)
        axes.set_ylim(-0.9, dots.shape[1] - 0.1)
    rows[2].set_yticks(range(0, 10, 3))
    potentials = np.asarray(layers[-1][1][:, 0])
    for digit in range(10):
        rows[3].plot(np.arange(1, len(potentials) + 1), potentials[:, digit], color=f"C{digit}", lw=1.8, label=digit)
    rows[3].axhline(config.threshold, color="gray", ls="--", label="threshold")
    rows[3].set_ylabel("output potential", fontsize=12)
    rows[3].set_xlabel("time step", fontsize=12)
    figure.legend(
        *rows[3].get_legend_handles_labels(),
        loc="outside right lower",
        title="output neuron",
        fontsize=11,
        title_fontsize=11,
    )
    return figure


def accuracies(curves: np.ndarray):
    """Against the steps: mean and range of the seeds [n t]."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes, t = figure.subplots(), np.arange(1, curves.shape[1] + 1)
    axes.plot(t, 100 * curves.mean(0), "o-", color="C0")
    axes.fill_between(t, 100 * curves.min(0), 100 * curves.max(0), color="C0", alpha=0.2)
    axes.axhline(10, color="gray", ls="--")
    axes.annotate("chance", (t[-1], 10), xytext=(0, 4), textcoords="offset points", ha="right", fontsize=11)
    axes.set_xlabel("time steps seen", fontsize=12)
    axes.set_ylabel("test accuracy (%)", fontsize=12)
    axes.set_title(f"The longer, the surer (seeds: {len(curves)}; mean, range)", fontsize=13)
    axes.set(ylim=(0, 102))
    axes.grid(alpha=0.3)
    return figure
