"""All update rules, each at its own best learning rate: on digits, a quadratic, Rosenbrock's valley and a saddle.

On the digits a perceptron of 2,410 weights is trained by every rule that needs no more than gradients; the rate of a
rule is the one with the lowest loss on all training images at the end, `train_loss_*`, and `accuracy_*` is that of the
held-out ones: momentum and the relatives of Adam fit the training images better after 400 steps, but at their own
best rates all rules read the others within a hundredth of each other. Adadelta's best rate is the largest tried, 10.

On the three landscapes, with two parameters, Newton's method takes part: `*_steps_*` is the number of steps until the
goal is reached (a value of 1e-4, of 1e-4, and of -0.9, with -1 the lowest there is), at the rate that gets there first,
and 1000 where no rate gets there. The eigenvalues of the quadratic are 1 and 100. The saddle is approached along its
ridge: gradient descent lingers, rules that divide by the size of the gradient do not, and Newton's method ends in it.

Run      python -m experiments foundations/optimizers_zoo
Expect   accuracy_adam 0.968 ± 0.01 over 5 seeds
         accuracy_gradient_descent 0.968 ± 0.01 over 5 seeds
         train_loss_gradient_descent 0.034 ± 0.012 over 5 seeds
         train_loss_momentum <= 0.01 over 5 seeds
         train_loss_adam <= 0.013 over 5 seeds
         quadratic_steps_gradient_descent 424 ± 10 over 5 seeds
         quadratic_steps_momentum 82 ± 10 over 5 seeds
         quadratic_steps_newton <= 1 over 5 seeds
         rosenbrock_steps_gradient_descent >= 1000 over 5 seeds
         rosenbrock_steps_newton <= 8 over 5 seeds
         saddle_steps_gradient_descent 20.6 ± 4 over 5 seeds
         saddle_steps_adagrad <= 6 over 5 seeds
         saddle_steps_newton >= 1000 over 5 seeds
Tour     accuracy_adam in [0.9, 1] with --steps 100
Cost     60 s
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task
from experiments.timing.clock import in_turn
from jaxicon.core.method import Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.optimizers import (
    Config,
    Race,
    classification,
    optimizers,
    quadratic,
    rosenbrock,
    saddle,
    trajectory,
)
from jaxicon.nn.mlp import mlp
from jaxicon.ops.optimizers import BY_GRADIENT, newton

ALL = BY_GRADIENT | {"newton": newton}
NET = mlp(32, 10)
LANDSCAPES = {"quadratic": quadratic((1.0, 100.0)), "rosenbrock": rosenbrock(), "saddle": saddle()}
GOALS = {"quadratic": 1e-4, "rosenbrock": 1e-4, "saddle": -0.9}
LOWEST = {"quadratic": 0.0, "rosenbrock": 0.0, "saddle": -1.0}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 400
    batch: int = 64
    landscape_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
    landscape_steps: int = 1000


def paths(experiment: Experiment, key: Key, name: str) -> tuple[jax.Array, jax.Array]:
    """Points [t, rule, rate, 2] and values [t, rule, rate] of the race over a landscape."""
    method = optimizers(Config(experiment.landscape_rates), LANDSCAPES[name], ALL)
    step = lambda state, _: (method.step(key, state, None)[0], state.params)
    points = jax.lax.scan(step, method.init(key, None), length=experiment.landscape_steps + 1)[1]
    value = lambda w: LANDSCAPES[name].value(w, None)
    return points, jax.vmap(jax.vmap(jax.vmap(value)))(points)


def arrivals(values: jax.Array, goal: float) -> jax.Array:
    """[rule, rate]: steps until the goal, as many as there are where it is not reached."""
    there = values <= goal
    return jnp.where(there.any(0), there.argmax(0), values.shape[0] - 1)


def full_losses(state: Race) -> jax.Array:
    """[rule, rate]: on all training images."""
    batch = jax.tree.map(jnp.asarray, digits().train)
    return jax.lax.map(jax.vmap(lambda params: classification(NET).value(params, batch)), state.params)


def measure(experiment: Experiment, key: Key, state: Race) -> dict:
    x, y = digits().test
    losses = full_losses(state)
    chosen = jnp.nanargmin(losses, -1)
    metrics = {}
    for i, rule in enumerate(BY_GRADIENT):
        metrics[f"train_loss_{rule}"] = losses[i, chosen[i]]
        read = NET.apply(jax.tree.map(lambda x: x[i, chosen[i]], state.params), x).argmax(-1)
        metrics[f"accuracy_{rule}"] = (read == y).mean()
    for name in LANDSCAPES:
        steps = arrivals(paths(experiment, key, name)[1], GOALS[name]).min(-1).astype(float)
        metrics |= {f"{name}_steps_{rule}": steps[i] for i, rule in enumerate(ALL)}
    return metrics


def build(experiment: Experiment) -> Task:
    train, test = digits()
    return Task(
        optimizers(experiment.method, classification(NET)),
        experiment.steps,
        stream=epochs(train, experiment.batch),
        held_out=epochs(test, 360),
        measure=partial(measure, experiment),
        chunk=20,
    )


COLORS = dict(zip(ALL, ("k", "C0", "C0", "C2", "C1", "C3", "C3", "C5", "C6", "C4", "C8", "C9"), strict=True))
STYLES = {rule: "--" if rule in ("momentum_ema", "adam_uncorrected") else "-" for rule in ALL}
VIEWS = {"quadratic": (-1.6, 1.6, -1.6, 1.6), "rosenbrock": (-1.8, 1.6, -0.6, 1.9), "saddle": (-1.25, 1.25, -1.7, 1.7)}
TITLES = {"quadratic": "quadratic", "rosenbrock": "Rosenbrock's valley", "saddle": "saddle"}
RATES = {  # at which the ways can be told apart, and seen
    "quadratic": {
        "gradient_descent": 0.01,
        "momentum": 3e-3,
        "adagrad": 0.3,
        "rmsprop": 0.03,
        "adam": 0.1,
        "newton": 1.0,
    },
    "rosenbrock": {
        "gradient_descent": 1e-3,
        "momentum": 3e-4,
        "adagrad": 0.3,
        "rmsprop": 0.01,
        "adam": 0.1,
        "newton": 1.0,
    },
    "saddle": dict.fromkeys(("gradient_descent", "momentum", "adagrad", "rmsprop", "adam", "newton"), 0.1),
}


def line_of(rule: str) -> dict:
    return {"color": COLORS[rule], "linestyle": STYLES[rule], "label": rule.replace("_", " ")}


def first_seed_paths(result: Result) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Points [t, rule, rate, 2] and values [t, rule, rate] of every landscape."""
    run = jax.jit(partial(paths, result.experiment), static_argnames="name")
    return {name: tuple(map(np.asarray, run(result.keys[0], name=name))) for name in LANDSCAPES}


def contours(result: Result, found: dict):
    """Ways over the landscapes at the rates nearest to RATES, each until its goal."""
    from matplotlib.figure import Figure

    rates = np.array(result.experiment.landscape_rates)
    figure = Figure(figsize=(15, 5.8), layout="constrained")
    for axes, (name, (points, values)) in zip(figure.subplots(1, 3), found.items(), strict=True):
        left, right, low, high = VIEWS[name]
        x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(low, high, 200))
        heights = np.asarray(jax.vmap(lambda w: LANDSCAPES[name].value(w, None))(np.stack([x.ravel(), y.ravel()], 1)))
        heights = np.log(heights - LOWEST[name] + 1e-2).reshape(x.shape)
        axes.contour(x, y, heights, 18, colors="0.8", linewidths=0.8, linestyles="solid")
        for rule, wanted in RATES[name].items():
            nearest = abs(np.log(rates / wanted)).argmin()
            place = [*ALL].index(rule), nearest
            end = int(arrivals(values[:, *place, None], GOALS[name])[0])
            style = line_of(rule) | {"label": f"{rule.replace('_', ' ')}, {rates[nearest]:g}"}
            axes.plot(*points[: end + 1, *place].T, **style, lw=1.8, marker="o", ms=3)
            axes.plot(*points[end, *place], "o", ms=11, color=COLORS[rule], mec="w", mew=1.5, zorder=4)
        axes.plot(*points[0, 0, 0], "k*", ms=16, zorder=5)
        axes.set(xlim=(left, right), ylim=(low, high))
        axes.set_title(TITLES[name], fontsize=14)
        axes.legend(fontsize=12, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, frameon=False)
    return figure


def descents(found: dict):
    """The lowest value so far, above the lowest there is, by steps, where a rule arrives first or gets lowest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5.6), layout="constrained")
    for axes, (name, (_, values)) in zip(figure.subplots(1, 3), found.items(), strict=True):
        lowest = np.fmin.accumulate(values - LOWEST[name], axis=0)
        order = np.asarray(arrivals(values, GOALS[name])) + np.minimum(lowest[-1], 1e3) / 1e4
        for i, rule in enumerate(ALL):
            curve = np.maximum(lowest[:, i, order[i].argmin()], 1e-12)
            axes.plot(np.arange(1, len(values) + 1), curve, **line_of(rule), lw=2)
        axes.axhline(GOALS[name] - LOWEST[name], color="0.6", lw=1, ls=":")
        axes.set(xscale="log", yscale="log", ylim=(1e-6, None))
        axes.set_title(f"{TITLES[name]} (dotted: the goal)", fontsize=14)
        axes.set_xlabel("steps + 1", fontsize=13)
    figure.axes[0].set_ylabel("lowest value so far - lowest value", fontsize=13)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=12)
    return figure


def seconds_per_step(experiment: Experiment) -> dict[str, float]:
    """Of every rule on the perceptron, one run at a time, compiled before: medians over turns."""
    x, y = digits().train
    batch = jnp.asarray(x[: experiment.batch]), jnp.asarray(y[: experiment.batch])
    problem = classification(NET)
    start = jax.jit(problem.init)(jax.random.key(0), batch)
    value = lambda params: problem.value(params, batch)

    def median(rules: dict, steps: int, turns: int) -> dict[str, float]:
        def last(rule):  # the parameters: a loss could be had without the last update
            return jax.jit(lambda start: jax.tree.map(lambda x: x[-1], trajectory(rule(1e-3), value, start, steps)[0]))

        units = {name: partial(last(rule), start) for name, rule in rules.items()}
        in_turn(units, 1)
        return {name: np.median(times) / (steps + 1) for name, times in in_turn(units, turns).items()}

    return median(BY_GRADIENT, 1000, 9) | median({"newton": newton}, 1, 3)  # apart: it fills caches and both cores


def race(result: Result, seconds: dict[str, float]):
    """Training loss on the digits by steps and by time, and the time of a step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5.4), layout="constrained")
    by_step, by_time, bars = figure.subplots(1, 3)
    for rule in BY_GRADIENT:
        t, loss = np.asarray(result.history["t"]), np.asarray(result.history[f"loss_{rule}"]).mean(0)
        by_step.plot(t, loss, **line_of(rule), lw=1.8)
        by_time.plot(1e3 * t * seconds[rule], loss, **line_of(rule), lw=1.8)
    by_step.set_ylabel("loss on minibatches, best of the rates", fontsize=13)
    by_step.set_xlabel("step", fontsize=13)
    by_time.set_xlabel("time of one run at one rate (ms)", fontsize=13)
    bars.barh([rule.replace("_", " ") for rule in ALL], [1e3 * seconds[rule] for rule in ALL], color=COLORS.values())
    bars.set(xscale="log", xlim=(1e-3, None))
    bars.invert_yaxis()
    bars.tick_params(labelsize=12)
    bars.set_xlabel("time of a step, 2,410 weights (ms)", fontsize=13)
    for axes in (by_step, by_time):
        axes.set(yscale="log")
    figure.legend(*by_step.get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=12)
    return figure


def sensitivity(result: Result):
    """Training loss at the end over the learning rate: medians over the seeds."""
    from matplotlib.figure import Figure

    losses = np.asarray(jax.jit(jax.vmap(full_losses))(result.state))
    medians = np.median(np.where(np.isfinite(losses), losses, np.inf), axis=0)
    figure = Figure(figsize=(8.5, 5.5), layout="constrained")
    axes = figure.subplots()
    for rule, median in zip(BY_GRADIENT, medians, strict=True):
        axes.plot(result.experiment.method.learning_rates, median, **line_of(rule), marker="o", ms=4, lw=1.8)
    axes.set(xscale="log", yscale="log", ylim=(None, 5))
    axes.set_xlabel("learning rate", fontsize=13)
    axes.set_ylabel(f"loss on all training images after {result.experiment.steps} steps", fontsize=13)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=12)
    return figure


def figures(result: Result) -> dict:
    found = first_seed_paths(result)
    return {
        "Ways from the star to the goal, or as far as they get; learning rates in the legends": contours(result, found),
        "The lowest value so far, each rule at the rate that gets to the goal first": descents(found),
        "The digits: loss by step and by time; the time of a step": race(result, seconds_per_step(result.experiment)),
        "The digits: how much the learning rate matters": sensitivity(result),
    }
