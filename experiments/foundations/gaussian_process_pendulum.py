"""The dynamics of Pendulum-v1 from a hundred transitions: ten episodes of ten random torques, half a second each.

From cos, sin, spin and torque three processes predict how cos, sin and spin change in a step. Errors are root mean
squares over 500 fresh transitions, in units of the changes' standard deviation, averaged over the three: `error`, and
`error_linear` of least squares on the same data. `coverage` is the share of the changes within the 95 % intervals.
`drift` is the root mean square error of cos and sin after one second of predictions made from predictions, and
`drift_linear` the linear model's, which is right about the spin and wrong about cos and sin.

Run      python -m experiments foundations/gaussian_process_pendulum
Expect   error 0.02 ± 0.02 over 5 seeds
         error_linear 0.6 ± 0.1 over 5 seeds
         coverage 0.95 ± 0.04 over 5 seeds
         drift <= 0.15 over 5 seeds
         drift <= 0.4 in 5 of 5 seeds
         drift_linear 1.3 ± 0.5 over 5 seeds
Tour     error in [0, 0.1]
Dtype    float64
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
from jaxicon.core.stream import Stream, synthetic
from jaxicon.envs.pendulum import TORQUE, observe, starts, step
from jaxicon.foundations.gaussian_process import KERNELS, Config, Hyper, gaussian_process, posterior
from jaxicon.ops.bulk import uniform
from jaxicon.ops.linalg import solve

SECOND = 20  # steps


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    episodes: int = 10
    length: int = 10
    steps: int = 300


def episodes(key: Key, count: int, length: int) -> tuple[jax.Array, jax.Array]:
    """Observations [t + 1, n, 3] and random torques [t, n, 1]."""
    start_key, torque_key, env_key = jax.random.split(key, 3)
    first, torques = starts(start_key, count), uniform(torque_key, (length, count, 1), -TORQUE, TORQUE)

    def move(state, torque):
        state, *_ = jax.vmap(step, (None, 0, 0))(env_key, state, torque)
        return state, jax.vmap(observe)(state)

    seen = jax.lax.scan(move, first, torques)[1]
    return jnp.concatenate([jax.vmap(observe)(first)[None], seen]), torques


def transitions(key: Key, count: int, length: int) -> tuple[jax.Array, jax.Array]:
    """x [n 4]: what is observed and the torque; y [n 3]: how that changes."""
    seen, torques = episodes(key, count, length)
    x = jnp.concatenate([seen[:-1], torques], -1)
    return x.reshape(-1, 4), (seen[1:] - seen[:-1]).reshape(-1, 3)


def always(sample: Callable[[Key], tuple]) -> Stream:
    """One draw for a run: its data are the same at every step."""
    repeat = lambda key, ts, arrays: jnp.broadcast_to(jax.random.key_data(key)[None], (len(ts), 2))
    return Stream(lambda t0, n: (), repeat, lambda words, arrays: sample(jax.random.wrap_key_data(words)))


def linear(data: tuple[jax.Array, jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """Least squares with an intercept."""
    wide = lambda x: jnp.concatenate([x, jnp.ones((len(x), 1))], -1)
    x, y = wide(data[0]), data[1]
    weights = solve(x.T @ x, x.T @ y)
    return lambda new: wide(new) @ weights


def unrolled(model: Callable[[jax.Array], jax.Array], first: jax.Array, torques: jax.Array) -> jax.Array:
    """Observations [t n 3] that a model of the changes foresees."""

    def move(obs, torque):
        obs = obs + model(jnp.concatenate([obs, torque], -1))
        return obs, obs

    return jax.lax.scan(move, first, torques)[1]


def build(experiment: Experiment) -> Task:
    method = gaussian_process(experiment.method)

    def measure(key: Key, state: Fit) -> dict:
        near_key, far_key = jax.random.split(key)
        x, y = transitions(near_key, 50, experiment.length)
        seen, torques = episodes(far_key, 50, SECOND)
        relative = lambda predicted: (jnp.sqrt(((predicted - y) ** 2).mean(0)) / y.std(0)).mean()
        off = lambda model: jnp.sqrt(((unrolled(model, seen[0], torques)[-1] - seen[-1])[:, :2] ** 2).mean())
        models = {"": lambda x: method.predict(state, x)[0], "_linear": linear(state.extra)}
        errors = {f"error{name}": relative(model(x)) for name, model in models.items()}
        return errors | {f"drift{name}": off(model) for name, model in models.items()}

    draw = partial(transitions, count=experiment.episodes, length=experiment.length)
    fresh = partial(transitions, count=50, length=experiment.length)
    return Task(method, experiment.steps, always(draw), synthetic(fresh), measure=measure)


def figures(result: Result) -> dict:
    return {
        "A posterior by hand: eight noisy points of a sine, and draws of what it may be": by_hand(),
        "Changes of fresh transitions, predicted and true; bars: 95 % intervals": scatter(result),
        "One second of predictions made from predictions": ahead(result),
    }


def by_hand():
    """Mean, 95 % band and draws of f."""
    from matplotlib.figure import Figure

    draw = np.random.default_rng(2)
    x = draw.uniform(0, 6, (8, 1))
    y, new = np.sin(x[:, 0]) + 0.1 * draw.normal(size=8), np.linspace(-2, 9, 200)[:, None]
    hyper = Hyper(jnp.ones(1), jnp.array(1.0), jnp.array(0.1))
    found = posterior(KERNELS["squared_exponential"], hyper, *map(jnp.asarray, (x, y, new)))
    mean, covariance = map(np.asarray, found)
    std, line = np.sqrt(np.diag(covariance)), new[:, 0]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(line, mean - 1.96 * std, mean + 1.96 * std, color="C0", alpha=0.2, label="95 % of f")
    for sample in draw.multivariate_normal(mean, covariance + 1e-9 * np.eye(200), 3, method="cholesky"):
        axes.plot(line, sample, color="C0", lw=0.8, alpha=0.8)
    axes.plot(line, mean, color="C0", lw=2.5, label="mean")
    axes.plot(line, np.sin(line), "k--", lw=1.2, label="truth")
    axes.plot(x[:, 0], y, "ko", ms=6, label="data")
    axes.set_xlabel("x", fontsize=12)
    axes.set_ylabel("y", fontsize=12)
    axes.set(xlim=(-2, 9), ylim=(-2.6, 2.6))
    axes.legend(fontsize=11, ncols=4, loc="upper center")
    return figure


def scatter(result: Result):
    """In the first seed."""
    from matplotlib.figure import Figure

    state, experiment = first_seed(result), result.experiment
    x, y = transitions(jax.random.key(1), 8, experiment.length)
    mean, std = map(np.asarray, result.task.method.predict(state, x))
    guess, y = np.asarray(linear(state.extra)(x)), np.asarray(y)
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    for i, (axes, name) in enumerate(zip(figure.subplots(1, 3), ("cos θ", "sin θ", "spin"), strict=True)):
        axes.axline((0, 0), slope=1, color="gray", lw=1)
        axes.plot(y[:, i], guess[:, i], ".", color="C1", ms=5, label="linear model")
        bars = {"yerr": 1.96 * std[:, i], "fmt": ".", "color": "C0", "ms": 5, "elinewidth": 1}
        axes.errorbar(y[:, i], mean[:, i], **bars, label="Gaussian process")
        axes.set_xlabel(f"change of {name}", fontsize=12)
        axes.set_title(name, fontsize=13)
    figure.axes[0].set_ylabel("predicted", fontsize=12)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=11)
    return figure


def ahead(result: Result):
    """cos and spin of three episodes in the first seed."""
    from matplotlib.figure import Figure

    state = first_seed(result)
    seen, torques = episodes(jax.random.key(3), 3, SECOND)
    models = {
        "Gaussian process": lambda x: result.task.method.predict(state, x)[0],
        "linear model": linear(state.extra),
    }
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    rows, seconds = figure.subplots(2, 3, sharex=True, sharey="row"), 0.05 * np.arange(SECOND + 1)
    for (name, model), style in zip(models.items(), ("C0-", "C1-"), strict=True):
        foreseen = np.asarray(jnp.concatenate([seen[:1], unrolled(model, seen[0], torques)]))
        for i in range(3):
            for row, part in ((0, 0), (1, 2)):
                rows[row, i].plot(seconds, foreseen[:, i, part], style, lw=2, label=name)
    for i in range(3):
        for row, part in ((0, 0), (1, 2)):
            rows[row, i].plot(seconds, np.asarray(seen)[:, i, part], "k--", lw=1.5, label="truth")
            rows[row, i].grid(alpha=0.3)
        rows[1, i].set_xlabel("time (s)", fontsize=12)
    rows[0, 0].set_ylabel("cos θ", fontsize=12)
    rows[1, 0].set_ylabel("spin (radians/s)", fontsize=12)
    figure.legend(*rows[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=11)
    return figure
