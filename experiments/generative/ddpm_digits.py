"""Diffusion on the digits of scikit-learn: samples in 1,000 steps by DDPM and in 20 by DDIM.

A residual perceptron predicts the noise: 64 pixels are few, and a U-Net with one block of 32 channels at 8x8 and one of
64 at 4x4 on each side takes 28 times as many multiplications. 360 samples are judged in pixels, by

frechet   Frechet distance to the digits that were learnt from, over that of the 360 test digits: 1 is as good as real
familiar  mean share of the commonest class among the ten nearest training digits; 0.95 for the test digits
novelty   median distance to the nearest training digit, over that of the test digits: 1 as for new digits, 0 for copies
rarest    share of the samples that belong to the rarest class, by these ten; about 0.09 among real digits

and `_20` marks DDIM.

Run      python -m experiments generative/ddpm_digits
Expect   frechet 1.8 ± 0.3 over 3 seeds
         frechet_20 2.2 ± 0.4 over 3 seeds
         familiar 0.955 ± 0.025 over 3 seeds
         novelty >= 0.85 in 3 of 3 seeds
         rarest >= 0.03 in 3 of 3 seeds
Tour     familiar in [0.7, 1] with --steps 1000 --method.averaging 0.99 --method.times 100
Cost     90 s
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from experiments.generative.vae_digits import grid
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Metrics
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.generative.ddim import ddim, slerp
from jaxicon.generative.ddpm import Config, ancestral, ddpm, predictor, schedule
from jaxicon.nn.time_mlp import time_mlp
from jaxicon.ops.diffusion import spread
from jaxicon.ops.samples import frechet, moments

NETWORK = time_mlp(192, 3)
SAMPLES, QUICK = 360, 20


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(learning_rate=2e-3, averaging=0.998)
    steps: int = 5000
    batch: int = 128


def scaled(x: np.ndarray) -> np.ndarray:
    """Pixels of 0 .. 1 as numbers of -1 .. 1."""
    return 2 * x - 1


def neighbours(x: jax.Array, known: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of every image: shares of the classes among its ten nearest known digits [n, 10], distance to the nearest."""
    square = (x**2).sum(1)[:, None] + (known**2).sum(1)[None] - 2 * x @ known.T
    nearest, index = jax.lax.top_k(-square, 10)
    return jax.nn.one_hot(labels[index], 10).mean(1), jnp.sqrt(-nearest[:, 0].clip(max=0))


def judge() -> Callable[[jax.Array], Metrics]:
    """What the header says of images [n, 64] with pixels of 0 .. 1."""
    known, labels, real = map(jnp.asarray, (*digits().train, digits().test[0]))
    learnt = moments(known)
    usual_frechet, usual_distance = frechet(*moments(real), *learnt), jnp.median(neighbours(real, known, labels)[1])

    def statistics(x):
        shares, distance = neighbours(x, known, labels)
        return {
            "frechet": frechet(*moments(x), *learnt) / usual_frechet,
            "familiar": shares.max(1).mean(),
            "novelty": jnp.median(distance) / usual_distance,
            "rarest": jnp.bincount(shares.argmax(1), length=10).min() / len(x),
        }

    return statistics


def images(x: jax.Array) -> jax.Array:
    return ((x + 1) / 2).clip(0, 1)


def build(experiment: Experiment) -> Task:
    method, alpha_bar, statistics = ddpm(experiment.method, NETWORK), schedule(experiment.method), judge()

    def measure(key, state):
        sample_key, start_key, ddim_key = jax.random.split(key, 3)
        start = jax.random.normal(start_key, (SAMPLES, 64))
        quick = ddim(ddim_key, predictor(NETWORK, state), alpha_bar, spread(experiment.method.times, QUICK), start)
        slow = statistics(images(method.sample(sample_key, state, SAMPLES)))
        return slow | {f"{name}_20": value for name, value in statistics(images(quick)).items()}

    (x, _), (x_test, _) = digits()
    stream, held_out = epochs(scaled(x), experiment.batch), epochs(scaled(x_test), SAMPLES)
    return Task(method, experiment.steps, stream, held_out, 5, measure, chunk=250)


def trajectory(key, predict, alpha_bar, x: jax.Array) -> dict[int, jax.Array]:
    """x_t at nine times from T down to 0, from x = x_T."""
    last = alpha_bar.shape[0] - 1
    times = [round(share * last) for share in (1, 0.75, 0.5, 0.35, 0.25, 0.15, 0.08, 0.03, 0)]
    points = {last: x}
    for t, s in pairwise(times):
        points[s] = jax.jit(ancestral, static_argnums=1)(key, predict, alpha_bar, jnp.arange(t, s, -1), points[t])
    return points


def figures(result: Result):
    state, config = first_seed(result), result.experiment.method
    alpha_bar, predict = schedule(config), predictor(NETWORK, state)
    start_key, step_key = jax.random.split(result.keys[0])
    start = jax.random.normal(start_key, (80, 64))
    path = trajectory(step_key, predict, alpha_bar, start)
    few = jax.jit(lambda x: ddim(step_key, predict, alpha_bar, spread(config.times, QUICK), x))
    line = jnp.stack([jax.vmap(slerp, (0, 0, None))(start[:5], start[5:10], i / 9) for i in range(10)], axis=1)
    panel = lambda x, columns: np.asarray(images(x)).reshape(-1, columns, 64)
    steps = np.stack([np.asarray(images(x[:8])) for x in path.values()])
    return {
        f"DDPM: samples in {config.times:,} steps": grid(panel(path[0], 10)),
        f"DDIM: samples in {QUICK} steps, from the same noise": grid(panel(few(start), 10)),
        "Eight digits on their way from noise": grid(steps, {i: f"t = {t}" for i, t in enumerate(path)}),
        f"DDIM from one noise to another along an arc, {QUICK} steps": grid(panel(few(line.reshape(-1, 64)), 10)),
    }
