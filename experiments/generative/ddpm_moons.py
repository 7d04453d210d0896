"""Diffusion on two moons: ancestral sampling with all steps, DDIM with few.

`distance` is the sliced Wasserstein-1 distance of 4,000 samples to 4,000 fresh points; two sets of fresh points are
about 0.016 apart. `distance_20` is that of DDIM's samples in 20 steps. `bound` is a lower bound of the log-likelihood
of fresh points in nats; the density of the moons itself has about -0.29.

Run      python -m experiments generative/ddpm_moons
Expect   distance <= 0.035 over 3 seeds
         distance_20 <= 0.045 over 3 seeds
         bound -0.63 ± 0.08 over 3 seeds
Tour     distance in [0, 0.1] with --steps 1000 --method.averaging 0.99
Cost     30 s
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import synthetic
from jaxicon.data.moons import moons
from jaxicon.generative.ddim import ddim
from jaxicon.generative.ddpm import Config, ancestral, bound, ddpm, predictor, schedule
from jaxicon.nn.time_mlp import time_mlp
from jaxicon.ops.diffusion import spread
from jaxicon.ops.samples import sliced_wasserstein

NETWORK = time_mlp(64, 3)
SAMPLES = 4000


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(times=200, learning_rate=2e-3, averaging=0.999)
    steps: int = 4000
    batch: int = 256


def build(experiment: Experiment) -> Task:
    method, alpha_bar = ddpm(experiment.method, NETWORK), schedule(experiment.method)

    def measure(key, state):
        data_key, sample_key, start_key, ddim_key, noise_key, slice_key = jax.random.split(key, 6)
        data, predict = moons(data_key, SAMPLES), predictor(NETWORK, state)
        start = jax.random.normal(start_key, (SAMPLES, 2))
        quick = ddim(ddim_key, predict, alpha_bar, spread(experiment.method.times, 20), start)
        noise = jax.random.normal(noise_key, (2000, experiment.method.times, 2))
        bounds = jax.lax.map(lambda pair: -bound(pair[0], predict, alpha_bar, pair[1]).sum(), (noise, data[:2000]))
        return {
            "distance": sliced_wasserstein(slice_key, method.sample(sample_key, state, SAMPLES), data),
            "distance_20": sliced_wasserstein(jax.random.clone(slice_key), quick, data),
            "bound": bounds.mean(),
        }

    stream = synthetic(partial(moons, count=experiment.batch))
    held_out = synthetic(partial(moons, count=SAMPLES))
    return Task(method, experiment.steps, stream, held_out, measure=measure, chunk=250)


def scatter(axes, points: np.ndarray, title: str, color: str) -> None:
    axes.plot(*np.asarray(points).T, ".", markersize=2.5, alpha=0.6, color=color)
    axes.set_title(title, fontsize=14)
    axes.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xticks=(-2, 0, 2), yticks=(-2, 0, 2), aspect="equal")


def path(key, state, alpha_bar, x: jax.Array, times: list[int]) -> list[jax.Array]:
    """x_t at the given times, from x = x_T on; the last is x_0."""
    run = jax.jit(ancestral, static_argnums=1)
    predict, points = predictor(NETWORK, state), [x]
    for t, s in pairwise(times):
        points.append(run(key, predict, alpha_bar, jnp.arange(t, s, -1), points[-1]))
    return points


def figures(result: Result):
    from matplotlib.figure import Figure

    state, config = first_seed(result), result.experiment.method
    alpha_bar, predict = schedule(config), predictor(NETWORK, state)
    start_key, data_key, step_key = jax.random.split(result.keys[0], 3)
    start = jax.random.normal(start_key, (2000, 2))
    times = [round(share * config.times) for share in (1, 0.25, 0.1, 0.04, 0)]
    panels = [
        (points, f"$x_{{{t}}}$", "tab:blue")
        for t, points in zip(times, path(step_key, state, alpha_bar, start, times), strict=True)
    ]
    panels[-1] = (panels[-1][0], f"DDPM, {config.times} steps", "tab:blue")
    for count in (5, 20, 50):
        points = ddim(step_key, predict, alpha_bar, spread(config.times, count), start)
        panels.append((points, f"DDIM, {count} steps", "tab:orange"))
    panels.append((moons(data_key, 2000), "data", "black"))

    figure = Figure(figsize=(9, 9.6), layout="constrained")
    for axes, panel in zip(figure.subplots(3, 3).flat, panels, strict=True):
        scatter(axes, *panel)
    figure.supxlabel("first coordinate", fontsize=13)
    figure.supylabel("second coordinate", fontsize=13)
    return {"From noise to moons: DDPM on its way; DDIM in few steps, without randomness": figure}
