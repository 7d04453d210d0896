"""Data as a function: batch t of a run is determined by (key, t), so there is no iterator to save.

A stream has three parts, for the three places where the work is cheapest: `load` brings a chunk of data to the device,
`plan` draws the randomness of a whole chunk of steps in one call, `draw` makes one batch inside the loop.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.core.checks import finite, known, positive
from jaxicon.core.errors import DataError


class Stream(NamedTuple):
    """load: host, (t0, n) -> arrays of the steps t0 .. t0 + n; an argument of the compiled chunk, no constant in it
    plan: device, (key, ts, arrays) -> pytree with leading axis len(ts); row i is a function of (key, ts[i]) alone
    draw: device, (row, arrays) -> batch
    """

    load: Callable[[int, int], Any]
    plan: Callable[[jax.Array, jax.Array, Any], Any]
    draw: Callable[[Any, Any], Any]


def keys_at(key: jax.Array, ts: jax.Array) -> jax.Array:
    """Key data of the steps `ts`: raw words, because the loop body may wrap them without a copy."""
    return jax.vmap(lambda t: jax.random.key_data(jax.random.fold_in(key, t)))(ts)


def length(arrays: Any) -> int:
    """The common leading axis of a pytree of arrays; raises DataError without one, or for NaN or infinity."""
    for path, leaf in jax.tree.leaves_with_path(arrays):
        if known(leaf) and jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            finite("stream", **{f"arrays{jax.tree_util.keystr(path)}": np.asarray(leaf)})
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(arrays)}
    if len(sizes) != 1 or 0 in sizes:
        raise DataError(f"stream: arrays need one common, non-empty leading axis; got lengths {sorted(sizes)}")
    return sizes.pop()


def placed(arrays: Any) -> Callable[[int, int], Any]:
    """A `load` that brings the arrays to the device once, when they are first asked for."""

    @cache
    def on_device():
        with jax.ensure_compile_time_eval():  # a caller may be tracing
            return jax.device_put(arrays)

    return lambda t0, n: on_device()


def resident(arrays: Any, batch_size: int) -> Stream:
    """Arrays that fit the device; minibatches are drawn there, with replacement."""
    positive("resident", batch_size=batch_size)
    size, load = length(arrays), placed(arrays)

    def plan(key, ts, arrays):
        return jax.vmap(lambda t: jax.random.randint(jax.random.fold_in(key, t), (batch_size,), 0, size))(ts)

    return Stream(load, plan, lambda index, arrays: jax.tree.map(lambda x: x[index], arrays))


def epochs(arrays: Any, batch_size: int) -> Stream:
    """Arrays that fit the device; every example once per epoch, in an order that is a function of (key, epoch).

    The data are one endless sequence, epoch after epoch, cut into batches: no remainder is dropped, and a batch may
    hold the end of one epoch and the start of the next.
    """
    positive("epochs", batch_size=batch_size)
    size, load = length(arrays), placed(arrays)
    common = math.gcd(size, batch_size)
    period = (
        size // common
    )  # batches after which an epoch begins with a batch again; counted apart, or t * batch_size overflows

    def plan(key, ts, arrays):
        place = (ts % period)[:, None] * batch_size + jnp.arange(batch_size)[None]
        epoch = (ts // period * (batch_size // common))[:, None] + place // size
        first = epoch[0, 0]
        touched = first + jnp.arange(-(-ts.shape[0] * batch_size // size) + 1)  # as many as a chunk can reach
        order = jax.vmap(lambda e: jax.random.permutation(jax.random.fold_in(key, e), size))(touched)
        return order[epoch - first, place % size]

    return Stream(load, plan, lambda index, arrays: jax.tree.map(lambda x: x[index], arrays))


def windows(sequence: Any, batch_size: int, width: int) -> Stream:
    """Contiguous windows for truncated back-propagation through time.

    The sequence (leading axis: time) is cut into `batch_size` parallel tracks; batch t holds window t of every track as
    (inputs, targets), targets one step ahead, both [batch_size, width, ...]. A track's windows follow each other, so a
    recurrent state may be carried from batch to batch; after the last window the tracks start again.
    """
    positive("windows", batch_size=batch_size, width=width)
    size = length(sequence)
    count = (size - 1) // (batch_size * width)
    if count < 1:
        raise DataError(f"windows: {size} steps are too few for {batch_size} tracks of width {width} and one target")
    span = count * width

    track = lambda x: np.stack([x[i * span : i * span + span + 1] for i in range(batch_size)])

    def draw(t, arrays):
        start = t % count * width
        cut = lambda offset: jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start + offset, width, 1), arrays)
        return cut(0), cut(1)

    return Stream(placed(jax.tree.map(track, sequence)), lambda key, ts, arrays: ts, draw)


def hosted(batch_at: Callable[[int], Any]) -> Stream:
    """Data that do not fit the device: `batch_at(t)` on the host, stacked and shipped a chunk at a time.

    The runner loads the next chunk while the last one runs. `batch_at` is called in a thread of its own.
    """

    def load(t0, n):
        batches = [batch_at(t) for t in range(t0, t0 + n)]
        return t0, jax.device_put(jax.tree.map(lambda *leaves: np.stack(leaves), *batches))

    def draw(t, arrays):
        t0, batches = arrays
        return jax.tree.map(lambda x: x[t - t0], batches)

    return Stream(load, lambda key, ts, arrays: ts, draw)


def synthetic(sample: Callable[[jax.Array], Any]) -> Stream:
    """No data but a distribution: sample(key) -> batch."""
    return Stream(
        lambda t0, n: (),
        lambda key, ts, arrays: keys_at(key, ts),
        lambda words, arrays: sample(jax.random.wrap_key_data(words)),
    )


# Environments, games and tables live in the state of their method.
nothing = Stream(lambda t0, n: (), lambda key, ts, arrays: (), lambda row, arrays: None)
