"""Learning rates that are small, right, large and diverging, on a quadratic; and the noise of small batches.

The loss of an example c is sum_i l_i (theta_i - c_i)^2 / 2 less its value at theta = 0, with l = (1, L = 10); the 1,000
examples have mean 0, so that of all of them is the quadratic sum_i l_i theta_i^2 / 2. `loss_*` is its value after 100
steps at 0.1, 1, 1.9 and 2.1 / L from a random point at distance 3: 4.5 to 45 at the start.

`noise_1` and `noise_10` are its mean over a long run on single examples and on batches of 10, at rate 0.5 / L: with
examples of variance 1, theory has sum_i l_i r_i / (2 - r_i) / (2 B) = 1.68 / B, r_i = 0.5 l_i / L. All examples: zero.

Run      python -m experiments foundations/gradient_descent_quadratic
Expect   loss_small 0.3 ± 0.25 over 5 seeds
         loss_right <= 1e-8 in 5 of 5 seeds
         loss_large <= 1e-7 in 5 of 5 seeds
         loss_diverging >= 1e6 in 5 of 5 seeds
         closed_form_error <= 1e-4 in 5 of 5 seeds
         noise_1 1.68 ± 0.1 over 5 seeds
         noise_10 0.168 ± 0.01 over 5 seeds
Tour     loss_right in [0, 1e-8]
Cost     10 s
"""

from dataclasses import dataclass
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from jaxicon.core.method import Learner, varied
from jaxicon.core.run import parts
from jaxicon.core.stream import epochs, resident
from jaxicon.foundations.gradient_descent import (
    Config,
    State,
    convex_share,
    escape_steps,
    gradient_descent,
    on_quadratic,
    saddle,
)

EIGENVALUES = np.array([1.0, 10.0], np.float32)
RATES = {"small": 0.1, "right": 1.0, "large": 1.9, "diverging": 2.1}  # in units of 1 / L
COLOURS = dict(zip(RATES, ("#1f77b4", "#2ca02c", "#ff7f0e", "#c0392b"), strict=True))
NOISE_RATE, NOISE_STEPS = 0.05, 4000


@dataclass(frozen=True)
class Experiment:
    steps: int = 100


@cache
def examples() -> np.ndarray:
    """float32 [1000, 2], mean 0 and variance 1 in each direction."""
    c = np.random.RandomState(0).normal(size=(1000, 2))
    return ((c - c.mean(0)) / c.std(0)).astype(np.float32)


def loss(theta, c):
    return (jnp.asarray(EIGENVALUES)[None] * (theta[None] ** 2 - 2 * theta[None] * c)).sum(1).mean() / 2


def start(key, batch):
    angle = 2 * jnp.pi * jax.random.uniform(key)
    return 3 * jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def descent(config: Config) -> Learner:
    return gradient_descent(config, loss, start)


def by_rate() -> Learner:
    """One program for all rates; its metrics are scalars by name."""
    learner = varied(descent, [Config(rate / float(EIGENVALUES.max())) for rate in RATES.values()])
    named = lambda metrics: {f"{m}_{rate}": x[i] for m, x in metrics.items() for i, rate in enumerate(RATES)}

    def step(key, state, batch):
        state, metrics = learner.step(key, state, batch)
        return state, named(metrics)

    return Learner(learner.init, step, lambda key, state, batch: named(learner.evaluate(key, state, batch)))


def path(key, theta, rate, batch_size: int, steps: int):
    """Parameters [steps + 1, 2] from theta, on batches with replacement, or of all examples."""
    c = examples()
    stream = epochs(c, batch_size) if batch_size == len(c) else resident(c, batch_size)
    arrays = stream.load(0, steps)
    method = descent(Config(rate))

    def one(state, row):
        return method.step(key, state, stream.draw(row, arrays))[0], state.params

    last, walked = jax.lax.scan(one, State(theta), stream.plan(key, jnp.arange(steps), arrays))
    return jnp.concatenate([walked, last.params[None]])


def excess(theta):
    """The quadratic at theta [..., 2]."""
    return theta**2 @ jnp.asarray(EIGENVALUES) / 2


def build(experiment: Experiment) -> Task:
    def measure(key, state):
        begin = start(parts(key)[0], None)
        rates = jnp.array([*RATES.values()]) / EIGENVALUES.max()
        closed = lambda rate: on_quadratic(begin, jnp.asarray(EIGENVALUES), rate, experiment.steps)
        exact = jax.vmap(closed)(rates)
        error = jnp.abs(state.params - exact).max(1) / jnp.maximum(jnp.abs(exact).max(1), 1)
        noise = lambda b: excess(path(key, jnp.zeros(2), NOISE_RATE, b, NOISE_STEPS)[NOISE_STEPS // 20 :]).mean()
        return {"closed_form_error": error.max(), "noise_1": noise(1), "noise_10": noise(10)}

    whole = epochs(examples(), 1000)
    return Task(by_rate(), experiment.steps, stream=whole, held_out=whole, measure=measure, chunk=1)


def figures(result: Result) -> dict:
    return {
        "Loss against steps, by learning rate": losses(result),
        "The first 20 steps, by learning rate": contours(),
        "Batches of all examples, of ten and of one": forms(result),
        "The demo of the notes, and its closed form": demo(),
        "How long a saddle holds, and how rare minima are among random critical points": saddles(),
    }


def losses(result: Result):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, rate in RATES.items():
        curves = np.maximum(result.history[f"loss_{name}"], 1e-12)
        axes.plot(result.history["t"] - 1, curves.T, color=COLOURS[name], lw=1, alpha=0.35)
        axes.plot(result.history["t"] - 1, np.exp(np.log(curves).mean(0)), color=COLOURS[name], lw=2.5)
        axes.plot([], [], color=COLOURS[name], lw=2.5, label=f"{name}: {rate:g} / L")
    axes.set(yscale="log", ylim=(1e-9, 1e9))
    axes.set_title("Too small, right, too large, far too large", fontsize=13)
    axes.set_xlabel("step", fontsize=12)
    axes.set_ylabel("loss (bold: geometric mean of the seeds)", fontsize=12)
    axes.legend(fontsize=11, loc="lower left")
    axes.grid(alpha=0.3)
    return figure


def plane(axes, width: float, height: float) -> None:
    """Contours of the quadratic."""
    x, y = np.meshgrid(np.linspace(-width, width, 200), np.linspace(-height, height, 200))
    values = np.asarray(excess(jnp.stack([x, y], axis=-1)))
    axes.contour(x, y, values, levels=np.geomspace(0.05, values.max(), 9), colors="#aaaaaa", linewidths=0.8)
    axes.set(xlim=(-width, width), ylim=(-height, height))


def contours():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    begin = jnp.array([2.8, 1.0])
    for axes, (name, rate) in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, RATES.items(), strict=True):
        walked = np.asarray(path(jax.random.key(0), begin, rate / float(EIGENVALUES.max()), len(examples()), 20))
        plane(axes, 3.2, 2.0)
        axes.plot(*walked.T, "o-", color=COLOURS[name], ms=4, lw=1.5)
        axes.plot(0, 0, "k+", ms=12, mew=2)
        axes.set_title(f"{name}: {rate:g} / L", fontsize=13)
    figure.supxlabel("direction of curvature 1", fontsize=12)
    figure.supylabel("direction of curvature L = 10", fontsize=12)
    return figure


def forms(result: Result):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    where, curve = figure.subplots(1, 2)
    begin, steps = jnp.array([2.8, 1.0]), 150
    kinds = {1: ("one example", "#ff7f0e"), 10: ("ten examples", "#1f77b4"), 1000: ("all 1,000 examples", "#000000")}
    plane(where, 3.2, 2.0)
    for batch_size, (label, colour) in kinds.items():
        walk = partial(path, theta=begin, rate=NOISE_RATE, batch_size=batch_size, steps=steps)
        walked = np.asarray(jax.jit(jax.vmap(walk))(result.keys))
        where.plot(*walked[0].T, color=colour, lw=1.2)
        curve.plot(np.maximum(excess(walked).mean(0), 1e-7), color=colour, lw=1.8, label=label)
    where.set_title("150 steps of one seed", fontsize=13)
    where.set_xlabel("direction of curvature 1", fontsize=12)
    where.set_ylabel("direction of curvature L = 10", fontsize=12)
    for batch_size in (1, 10):
        curve.axhline(1.68 / batch_size, color="#888888", ls="--", lw=1)
    curve.plot([], [], color="#888888", ls="--", lw=1, label="theory of the noise")
    curve.set(yscale="log")
    curve.set_title(f"Mean of the seeds ({len(result.keys)})", fontsize=13)
    curve.set_xlabel("step", fontsize=12)
    curve.set_ylabel("loss over all examples", fontsize=12)
    curve.legend(fontsize=11, loc="lower left")
    return figure


def demo():
    """(x - 4)^2 at rate 0.01 from x_0 ~ N(0, 1)."""
    from matplotlib.figure import Figure

    method = gradient_descent(Config(1e-2), lambda x, _: (x - 4) ** 2, lambda key, batch: jax.random.normal(key))

    @jax.jit
    @jax.vmap
    def walk(key):
        return jax.lax.scan(lambda s, _: (method.step(key, s, None)[0], s.params), method.init(key, None), None, 501)[1]

    x, k = np.asarray(walk(jax.random.split(jax.random.key(0), 5))), np.arange(501)
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(k, x.T, color="#1f77b4", lw=2.5, alpha=0.6)
    axes.plot(k, 4 + (x[:, :1] - 4).T * 0.98 ** k[:, None], "k:", lw=1.5)
    axes.plot([], [], color="#1f77b4", lw=2.5, label="gradient descent, five starts")
    axes.plot([], [], "k:", lw=1.5, label="4 + (x$_0$ - 4) 0.98$^k$")
    axes.set_title("(x - 4)$^2$, learning rate 0.01", fontsize=13)
    axes.set_xlabel("step k", fontsize=12)
    axes.set_ylabel("x", fontsize=12)
    axes.legend(fontsize=12, loc="lower right")
    return figure


def saddles():
    """Descent of x^2 - y^2 at rate 0.1 from (1, y), and random symmetric matrices."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    method = gradient_descent(Config(0.1), lambda theta, _: saddle(theta), lambda key, batch: None)
    walk = jax.jit(
        lambda theta: jax.lax.scan(lambda s, _: (method.step(None, s, None)[0], s.params), theta, None, 90)[1]
    )
    for offset, colour in ((1e-2, "#1f77b4"), (1e-4, "#2ca02c"), (1e-6, "#ff7f0e")):
        steps = escape_steps(offset, 1.0, 0.1)
        left.plot(abs(np.asarray(walk(State(jnp.array([1.0, offset]))))[: int(steps) + 4, 1]), color=colour, lw=2.5)
        left.axvline(steps, color=colour, ls=":", label=f"predicted from y = {offset:g}")
    left.axhline(1, color="#888888", lw=1)
    left.set(yscale="log", ylim=(1e-6, 1e5))
    left.set_title("Leaving the saddle of x$^2$ - y$^2$", fontsize=13)
    left.set_xlabel("step", fontsize=12)
    left.set_ylabel("|y|", fontsize=12)
    left.legend(fontsize=11, loc="upper left")
    shares = [float(jax.jit(convex_share, static_argnums=(1, 2))(jax.random.key(d), d, 20_000)) for d in range(1, 6)]
    right.plot(
        range(1, 6), np.where(np.array(shares) > 0, shares, np.nan), "o-", ms=8, lw=2, label="20,000 matrices each"
    )
    exact = [0.5, (2 - 2**0.5) / 4, (np.pi - 8**0.5) / (4 * np.pi)]
    right.plot(range(1, 4), exact, "k+", ms=16, mew=2, label="exact")
    right.set(yscale="log", xticks=range(1, 6))
    right.set_title("Random symmetric matrices", fontsize=13)
    right.set_xlabel("dimension", fontsize=12)
    right.set_ylabel("share without a negative eigenvalue", fontsize=12)
    right.legend(fontsize=12)
    return figure
