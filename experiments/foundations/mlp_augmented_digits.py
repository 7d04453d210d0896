"""A perceptron that knows 100 digits, with and without moved copies of them, judged by digits that are moved.

Two nets start from the same weights and see the same minibatches, of ten digits of each class; in those of the first,
every digit is moved by a whole pixel, or not at all, in each direction, anew each time. They are judged by the 360 test
digits where these were scanned, `augmented_accuracy` and `none_accuracy`, where they do equally well, and in all nine
places, `moved_augmented` and `moved_none`; `gain` is the difference of these two.

Run      python -m experiments foundations/mlp_augmented_digits
Expect   gain >= 0.4 in 5 of 5 seeds
         moved_augmented 0.841 ± 0.02 over 5 seeds
         moved_none 0.382 ± 0.03 over 5 seeds
         augmented_accuracy 0.89 ± 0.03 over 5 seeds
         none_accuracy 0.885 ± 0.02 over 5 seeds
Tour     gain in [0.35, 0.55]
Cost     10 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import Stream, keys_at, resident
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp
from jaxicon.ops.augmentation import random_shift

NAMES = ["augmented", "none"]


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 1000
    batch: int = 50
    per_class: int = 10
    shift: int = 1  # pixels, at most


def few(per_class: int):
    """The first training digits of each class."""
    x, y = digits().train
    places = np.concatenate([np.flatnonzero(y == digit)[:per_class] for digit in range(10)])
    return x[places], y[places]


def moved(x: np.ndarray) -> np.ndarray:
    """[n, 64] -> [9 n, 64]: by -1, 0, 1 pixels in each direction; what comes in is blank."""
    padded = np.pad(x.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    return np.concatenate([padded[:, i : i + 8, j : j + 8].reshape(-1, 64) for i in range(3) for j in range(3)])


def augmented(stream: Stream, change) -> Stream:
    """The batches (x, y) of a stream by name: with change(key, image) of each x [64], y as it is; and unchanged."""

    def draw(row, arrays):
        row, words = row
        x, y = stream.draw(row, arrays)
        keys = jax.random.split(jax.random.wrap_key_data(words), len(x))
        images = jax.vmap(change)(keys, x.reshape(-1, 8, 8, 1))
        return {"augmented": (images.reshape(x.shape), y), "none": (x, y)}

    def plan(key, ts, arrays):
        batch_key, change_key = jax.random.split(key)
        return stream.plan(batch_key, ts, arrays), keys_at(change_key, ts)

    return Stream(stream.load, plan, draw)


def build(experiment: Experiment) -> Task:
    net = mlp(experiment.method, classes=10)
    x, y = digits().test

    def measure(key, state):
        right = lambda s, x, y: (net.predict(s, jnp.asarray(x)).argmax(-1) == y).mean()
        found = {f"moved_{name}": right(state[name], moved(x), np.tile(y, 9)) for name in NAMES}
        return found | {"gain": found["moved_augmented"] - found["moved_none"]}

    change = lambda key, image: random_shift(key, image, experiment.shift)
    return Task(
        side_by_side(dict.fromkeys(NAMES, net)),
        experiment.steps,
        augmented(resident(few(experiment.per_class), experiment.batch), change),
        same_for(NAMES, resident((x, y), 360)),
        measure=measure,
    )


def figures(result: Result) -> dict:
    """Accuracy in each of the nine places, seed 1."""
    from matplotlib.figure import Figure

    net, (x, y) = mlp(result.experiment.method, classes=10), digits().test
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), NAMES, strict=True):
        read = np.asarray(net.predict(first_seed(result)[name], jnp.asarray(moved(x)))).argmax(-1)
        table = 100 * (read.reshape(9, -1) == y[None]).mean(1).reshape(3, 3)[::-1, ::-1]
        axes.imshow(table, vmin=20, vmax=100, cmap="viridis")
        for (i, j), share in np.ndenumerate(table):
            axes.text(j, i, f"{share:.0f} %", ha="center", va="center", fontsize=14, color="w" if share < 75 else "k")
        axes.set_xticks(range(3), ["-1", "0", "1"], fontsize=12)
        axes.set_yticks(range(3), ["-1", "0", "1"], fontsize=12)
        axes.set_xlabel("pixels to the right", fontsize=13)
        axes.set_ylabel("pixels down", fontsize=13)
        axes.set_title({"augmented": "with moved copies", "none": "without"}[name], fontsize=14)
    return {"Accuracy on test digits by how far they are moved": figure}
