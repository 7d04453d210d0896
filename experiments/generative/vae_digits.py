"""Variational autoencoder on the digits of scikit-learn.

The pixels are grey: a grey value counts as the probability of a white pixel, and the ELBO is the mean over the binary
images that it stands for, in nats an image. No model of the test digits can do better than -13.7, minus the entropy of
their greys; independent pixels reach -27.2.

Run      python -m experiments generative/vae_digits
Expect   elbo -24.0 ± 0.3 over 3 seeds
         log_likelihood -23.6 ± 0.3 over 3 seeds
Tour     elbo in [-24.8, -23.6] with --steps 1000
Cost     20 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.generative.vae import Config, decode, encode, log_likelihood, reconstruct, vae


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(learning_rate=3e-3)
    steps: int = 2000
    batch: int = 128


def build(experiment: Experiment) -> Task:
    (x, _), (x_test, _) = digits()
    return Task(
        vae(experiment.method),
        experiment.steps,
        stream=epochs(x, experiment.batch),
        held_out=epochs(x_test, 360),
        measure=lambda key, state: {"log_likelihood": log_likelihood(key, state, jnp.asarray(x_test), 500).mean()},
    )


def grid(images: np.ndarray, labels: dict[int, str] | None = None):
    """Images [rows, columns, 64], with a label at the left of some rows."""
    from matplotlib.figure import Figure

    rows, columns, _ = images.shape
    figure = Figure(figsize=(0.75 * columns + (1.4 if labels else 0), 0.75 * rows), layout="constrained")
    for (i, j), axes in np.ndenumerate(figure.subplots(rows, columns)):
        axes.imshow(images[i, j].reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        if j == 0 and labels:
            axes.set_ylabel(labels[i], fontsize=14, rotation=0, ha="right", va="center")
    return figure


def interpolation(state, x: np.ndarray) -> np.ndarray:
    """Rows of images decoded on the straight line between the codes of x[i] and x[i + rows]."""
    (start, end), share = np.split(encode(state.params, x)[0], 2), np.linspace(0, 1, 9, dtype=x.dtype)
    line = start[:, None] + share[None, :, None] * (end - start)[:, None]
    return np.asarray(jax.nn.sigmoid(decode(state.params, line)))


def figures(result: Result):
    state, (x, y) = first_seed(result), digits().test
    ten = x[[np.flatnonzero(y == digit)[0] for digit in range(10)]]
    pairs = np.stack([ten, np.asarray(reconstruct(state, ten))])
    samples = np.asarray(result.task.method.sample(result.keys[0], state, 80)).reshape(8, 10, 64)
    return {
        "Ten held-out digits and their reconstructions": grid(pairs, {0: "digit", 1: "decoded"}),
        "Samples: z from the prior, decoded": grid(samples),
        "From one held-out digit's code to another's, on a straight line": grid(interpolation(state, ten)),
    }
