"""The one runner: jitted chunks of steps, with the host in between.

The randomness of step t is a function of (key, t) alone, so (key, t, state) determine everything that follows: a
resumed run equals an uninterrupted one bit for bit, whatever the length of the chunks. The length is an argument of the
compiled chunk, not a constant in it: one program serves every chunk of a run, also the last, shorter one.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.core.method import Key, Method, Metrics, State
from jaxicon.core.stream import Stream, keys_at, nothing

History = dict[str, np.ndarray]  # metrics of several steps, by name
Hook = Callable[[int, State, History], None]


def parts(key: Key) -> tuple[Key, Key, Key]:
    """The three streams of randomness of a run: initial state, data, steps."""
    return tuple(jax.random.fold_in(key, i) for i in range(3))


@partial(jax.jit, static_argnames=("method", "plan", "draw"))
def begin(words: jax.Array, arrays: Any, *, method: Method, plan: Callable, draw: Callable) -> State:
    """The state before step 0 of every run in `words`, one run after the other.

    Not vmapped: initialisers call LAPACK, and two batched LAPACK calls in one program can stop for ever on two cores.
    """

    def one(words):
        init_key, data_key, _ = parts(jax.random.wrap_key_data(words))
        row = jax.tree.map(lambda x: x[0], plan(data_key, jnp.arange(1), arrays))
        return method.init(init_key, draw(row, arrays))

    return jax.lax.map(one, words) if words.ndim > 1 else one(words)


@partial(jax.jit, static_argnames=("method", "plan", "draw", "chunk"), donate_argnames="state")
def advance(
    words: jax.Array,
    t0: jax.Array,
    length: jax.Array,
    state: State,
    arrays: Any,
    *,
    method: Method,
    plan: Callable,
    draw: Callable,
    chunk: int,
) -> tuple[State, Metrics]:
    """Steps t0 .. t0 + length of every run; metrics are [chunk] per run, valid up to length."""

    def one(words, state):
        _, data_key, step_key = parts(jax.random.wrap_key_data(words))
        ts = t0 + jnp.arange(chunk)
        rows = plan(data_key, ts, arrays), keys_at(step_key, ts)

        @jax.jit  # traced once, for its shapes and for the loop
        def step(i, state, rows, arrays):
            row, step_words = jax.tree.map(lambda x: x[i], rows)
            return method.step(jax.random.wrap_key_data(step_words), state, draw(row, arrays))

        def body(i, carry):
            state, metrics = step(i, carry[0], rows, arrays)
            return state, jax.tree.map(lambda column, value: column.at[i].set(value), carry[1], metrics)

        kinds = jax.eval_shape(step, jnp.int32(0), state, rows, arrays)[1]
        history = jax.tree.map(lambda kind: jnp.zeros((chunk, *kind.shape), kind.dtype), kinds)
        return jax.lax.fori_loop(0, length, body, (state, history))

    return jax.vmap(one)(words, state) if words.ndim > 1 else one(words, state)


def fresh(key: Key, method: Method, stream: Stream = nothing) -> State:
    """The state before the first step."""
    return begin(jax.random.key_data(key), stream.load(0, 1), method=method, plan=stream.plan, draw=stream.draw)


def expected(key: Key, method: Method, stream: Stream = nothing) -> State:
    """Structure, shapes and dtypes of the state, without computing it."""
    arrays = stream.load(0, 1)
    return jax.eval_shape(
        partial(begin, method=method, plan=stream.plan, draw=stream.draw), jax.random.key_data(key), arrays
    )


def train(
    key: Key,
    method: Method,
    stream: Stream = nothing,
    steps: int = 1000,
    *,
    state: State | None = None,
    start: int = 0,
    chunk: int = 100,
    hooks: Iterable[Hook] = (),
) -> tuple[State, History]:
    """Steps start .. start + steps of a run; returns the last state and the metrics of every step.

    One key is one run; an array of n keys is n independent runs, vmapped, and states and metrics get a leading axis n.
    Hooks are called as hook(t, state, metrics) after every chunk, with the metrics of that chunk. The state's buffers
    are used again by the next chunk: a hook copies what it keeps. A state given by the caller is copied first.
    """
    words = jax.random.key_data(key)
    state = fresh(key, method, stream) if state is None else jax.device_put(state, may_alias=False)
    run = partial(advance, method=method, plan=stream.plan, draw=stream.draw, chunk=chunk)
    spans = [(t, min(chunk, start + steps - t)) for t in range(start, start + steps, chunk)]
    history = []
    with ThreadPoolExecutor(1, "jaxicon-stream") as loader:
        coming = loader.submit(stream.load, *spans[0]) if spans else None
        for (t, length), following in pairwise([*spans, None]):
            arrays = coming.result()
            coming = following and loader.submit(stream.load, *following)
            state, metrics = run(words, t, length, state, arrays)
            metrics = jax.tree.map(lambda x: np.asarray(x).take(range(length), axis=key.ndim), metrics)
            history.append(metrics)
            for hook in hooks:
                hook(t + length, state, metrics)
    return state, jax.tree.map(lambda *columns: np.concatenate(columns, axis=key.ndim), *history) if history else {}


@partial(jax.jit, static_argnames=("method", "plan", "draw"))
def measure(
    words: jax.Array, t: jax.Array, state: State, arrays: Any, *, method: Method, plan: Callable, draw: Callable
) -> tuple[Metrics, int]:
    """Metrics of batch t in every run, and the size of the batch."""

    def one(words, state):
        _, data_key, step_key = parts(jax.random.wrap_key_data(words))
        row = jax.tree.map(lambda x: x[0], plan(data_key, t[None], arrays))
        batch = draw(row, arrays)
        count = jax.tree.leaves(batch)[0].shape[0] if jax.tree.leaves(batch) else 1
        return method.evaluate(jax.random.fold_in(step_key, t), state, batch), count

    return jax.vmap(one, out_axes=(0, None))(words, state) if words.ndim > 1 else one(words, state)


def evaluate(key: Key, method: Method, state: State, stream: Stream, batches: int) -> History:
    """Means of method.evaluate over the batches 0 .. batches of a held-out stream, weighted by their sizes.

    One key and one state give scalars; n keys and n states give arrays of length n.
    """
    run = partial(measure, jax.random.key_data(key), method=method, plan=stream.plan, draw=stream.draw)
    metrics, counts = zip(*(run(jnp.int32(t), state, stream.load(t, 1)) for t in range(batches)), strict=True)
    weights = np.array(counts, np.float64) / sum(map(int, counts))
    return jax.tree.map(lambda *means: np.tensordot(weights, np.array(means, np.float64), 1), *metrics)
