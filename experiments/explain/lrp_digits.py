"""Which pixels a convolutional network reads a digit by, and whether it loses the digit without them.

The ink of an image is erased pixel by pixel, the most relevant first; `deletion_*` is the probability of the digit that
was read, averaged over the way to the blank image: the lower, the better the order. `deletion_zero` is gradient times
input, `deletion_brightest` goes by brightness, `deletion_random` by chance. `absorbed` is the share of the score that
does not reach the pixels under the composite rule: it goes to biases and epsilon.

In so shallow a network gradient times input orders the pixels as well as the other rules do.

Run      python -m experiments explain/lrp_digits
Expect   accuracy 0.975 ± 0.01 over 3 seeds
         deletion_random 0.49 ± 0.03 over 3 seeds
         deletion_brightest 0.31 ± 0.03 over 3 seeds
         deletion_composite 0.12 ± 0.02 over 3 seeds
         deletion_composite <= 0.16 in 3 of 3 seeds
Tour     deletion_composite in [0.05, 0.25] with --steps 300
Cost     20 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.task import Result, Task
from jaxicon.core.method import Fit, Key, Predictor, from_loss
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.explain.lrp import composite, epsilon, gamma, lrp, zero
from jaxicon.nn.layered import Layered, conv, dense, flatten, max_pool, relu, without_params

NET = Layered(
    {
        "image": without_params(lambda x: x.reshape(-1, 8, 8, 1)),
        "conv1": conv(8),
        "relu1": relu,
        "pool1": max_pool(2),
        "conv2": conv(16),
        "relu2": relu,
        "pool2": max_pool(2),
        "flatten": flatten,
        "dense1": dense(32),
        "relu3": relu,
        "dense2": dense(10),
    }
)
PIXELS = 64


@dataclass(frozen=True)
class Experiment:
    learning_rate: float = 3e-3
    steps: int = 800
    batch: int = 64
    gamma: float = 0.25
    epsilon: float = 0.25  # in units of the logits


def classifier(learning_rate: float) -> Predictor:
    """A reader of digits x [b, 64] by NET."""

    def loss(key, params, batch):
        logits = NET.apply(params, batch[0])
        value = optax.softmax_cross_entropy_with_integer_labels(logits, batch[1]).mean()
        return value, {"loss": value, "accuracy": (logits.argmax(-1) == batch[1]).mean(dtype=logits.dtype)}

    learner = from_loss(lambda key, batch: NET.init(key, batch[0]), loss, optax.adam(learning_rate))
    return Predictor(*learner, lambda state, x: NET.apply(state.params, x))


def maps(experiment: Experiment, params, x, target) -> dict:
    """Relevance [n, 64] by rule."""
    low, middle = gamma(experiment.gamma), epsilon(experiment.epsilon)
    rules = {"zero": [zero], "epsilon": [middle], "gamma": [low], "composite": [low, middle, zero]}
    return {name: lrp(NET, params, x, target, composite(NET, params, *rule)) for name, rule in rules.items()}


def orders(key: Key, experiment: Experiment, params, x, target) -> dict:
    """What says which pixel is erased first, [n, 64] by name; ties are broken by chance."""
    noise = jax.random.uniform(key, x.shape)
    return maps(experiment, params, x, target) | {"brightest": x + 1e-3 * noise, "random": jnp.sign(x) + noise}


def deletion(params, x, target, orders: dict) -> dict:
    """Probability of the target [n, 65] after 0 .. 64 pixels were erased, in falling order; ink before paper."""

    def curve(order):
        rank = jnp.where(x > 0, -order, jnp.inf).argsort(-1).argsort(-1)

        def after(count):
            p = jax.nn.softmax(NET.apply(params, jnp.where(rank < count, 0, x)))
            return jnp.take_along_axis(p, target[:, None], 1)[:, 0]

        return jax.lax.map(after, jnp.arange(PIXELS + 1)).T

    return dict(zip(orders, jax.lax.map(curve, jnp.stack([*orders.values()])), strict=True))


def until_blank(curve, x):
    """The mean of deletion's curves [n, 65] over the pixels that were ink."""
    steps = jnp.arange(PIXELS + 1)[None] <= (x > 0).sum(-1, keepdims=True)
    return (jnp.where(steps, curve, 0).sum(-1) / steps.sum(-1)).mean()


def build(experiment: Experiment) -> Task:
    train, test = digits()

    def measure(key: Key, state: Fit) -> dict:
        x = jnp.asarray(test[0])
        logits = NET.apply(state.params, x)
        target = logits.argmax(-1)
        found = orders(key, experiment, state.params, x, target)
        curves = deletion(state.params, x, target, found)
        scores = {f"deletion_{name}": until_blank(curve, x) for name, curve in curves.items()}
        return scores | {"absorbed": 1 - (found["composite"].sum(-1) / logits.max(-1)).mean()}

    method = classifier(experiment.learning_rate)
    return Task(method, experiment.steps, epochs(train, experiment.batch), epochs(test, 360), measure=measure)


def figures(result: Result) -> dict:
    x = jnp.asarray(digits().test[0])
    shares = np.linspace(0, 1, 41)
    places = np.round(shares[None] * np.asarray((x > 0).sum(-1, keepdims=True))).astype(int)

    @jax.jit
    @jax.vmap
    def explained(key, params):
        """What was read [n], maps [n, 64] by name, and means of deletion's curves at the shares of ink erased."""
        read = NET.apply(params, x).argmax(-1)
        found = orders(key, result.experiment, params, x, read)
        curves = deletion(params, x, read, found)
        return read, found, {name: jnp.take_along_axis(c, places, 1).mean(0) for name, c in curves.items()}

    read, found, curves = jax.tree.map(np.asarray, explained(result.keys, result.state.params))
    return {
        "What speaks for (red) and against (blue) the digit that was read": relevance_maps(read[0], found),
        "Probability of the digit while its ink is erased": deletion_curves(shares, curves),
    }


def relevance_maps(read: np.ndarray, found: dict):
    """Digits and their maps in the first seed, each on a scale of its own."""
    from matplotlib.figure import Figure

    x, y = digits().test
    shown = [np.flatnonzero(y == digit)[0] for digit in (0, 2, 3, 5, 7, 8)]
    rows = {"digit": x} | {name: found[name][0] for name in ("zero", "epsilon", "gamma", "composite")}
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    for (name, images), line in zip(rows.items(), figure.subplots(len(rows), len(shown)), strict=True):
        for i, axes in zip(shown, line, strict=True):
            limit = abs(images[i]).max()
            colours = {"cmap": "gray_r", "vmin": 0} if name == "digit" else {"cmap": "RdBu_r", "vmin": -limit}
            axes.imshow(images[i].reshape(8, 8), vmax=limit, **colours)
            axes.set(xticks=[], yticks=[])
            if name == "digit":
                axes.set_title(f"read: {read[i]}", fontsize=13)
        line[0].set_ylabel(name, fontsize=13, rotation=0, ha="right", va="center")
    return figure


def deletion_curves(shares: np.ndarray, curves: dict):
    """Against the share of the ink that is gone: means over the test digits and the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in ("random", "brightest", "gamma", "composite", "epsilon", "zero"):
        style = "--" if name == "zero" else "-"
        axes.plot(100 * shares, 100 * curves[name].mean(0), style, lw=2, label=name)
    axes.set(xlabel="ink erased (%)", ylabel="probability of the digit (%)", ylim=(0, 102))
    axes.set_title(f"The most relevant ink first (seeds: {len(curves['zero'])})")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure
