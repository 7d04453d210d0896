"""A convolutional network of 8x8 images (16, 32 channels, batch 128, Adam) in the runner and outside, ours and Flax's.

Flax's is lax.conv_general_dilated and lax.reduce_window, which XLA's CPU backend slows down inside loops.

Run      python -m experiments bench speed/conv_in_runner
Expect   ratio_ours_runner <= 1.1
Cost     60 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from flax import linen

from experiments.timing.clock import plain_loop
from jaxicon.core.method import Learner, from_loss
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import resident
from jaxicon.nn.conv import cnn
from jaxicon.nn.network import Network, from_linen

STEPS = 100


class Flax(linen.Module):
    """What `cnn` computes, as Flax has it."""

    channels: tuple[int, ...]
    sizes: tuple[int, ...]
    window: int

    @linen.compact
    def __call__(self, x):
        for features in self.channels:
            x = linen.max_pool(linen.relu(linen.Conv(features, (self.window, self.window))(x)), (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        for size in self.sizes[:-1]:
            x = linen.relu(linen.Dense(size)(x))
        return linen.Dense(self.sizes[-1])(x)


def classifier(net: Network) -> Learner:
    def loss(key, params, batch):
        x, y = batch
        value = optax.softmax_cross_entropy_with_integer_labels(net.apply(params, x), y).mean()
        return value, {"loss": value}

    return from_loss(lambda key, batch: net.init(key, batch[0]), loss, optax.adam(1e-3))


def noise(side: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """1024 square images of one channel, and classes that have nothing to do with them."""
    draw = np.random.default_rng(0)
    return draw.normal(size=(1024, side, side, 1)).astype(np.float32), draw.integers(classes, size=1024)


def units(name: str, net: Network, images: tuple, batch: int, steps: int) -> dict[str, Callable[[], Any]]:
    """Training in a loop over a jitted step, and in the runner."""
    key, method, stream = jax.random.key(0), classifier(net), resident(images, batch)
    state = fresh(key, method, stream)
    return {
        f"{name}_loop": plain_loop(key, method, stream, state, steps),
        f"{name}_runner": partial(train, key, method, stream, steps, state=state, chunk=steps),
    }


def compared(
    side: int, batch: int, channels: tuple[int, ...], sizes: tuple[int, ...], window: int, steps: int
) -> dict[str, Callable[[], Any]]:
    """Both networks, both ways."""
    nets = {"ours": cnn(channels, *sizes, window=window), "flax": from_linen(Flax(channels, sizes, window))}
    runs = [units(name, net, noise(side, sizes[-1]), batch, steps) for name, net in nets.items()]
    return runs[0] | runs[1]


def candidates():
    return compared(side=8, batch=128, channels=(16, 32), sizes=(10,), window=3, steps=STEPS)
