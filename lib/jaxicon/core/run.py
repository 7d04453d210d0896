"""The one runner: jitted chunks of steps, with the host in between.

The randomness of step t is a function of (key, t) alone, so (key, t, state) determine everything that follows: a
resumed run equals an uninterrupted one bit for bit, whatever the length of the chunks. The length is an argument of the
compiled chunk, not a constant in it: one program serves every chunk of a run, also the last, shorter one.

Where a key lies, there its run takes place: core/shard.py puts keys on several devices.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxicon.core.method import Key, Method, Metrics, State
from jaxicon.core.stream import Stream, keys_at, nothing

History = dict[str, np.ndarray]  # metrics of several steps, by name
Hook = Callable[[int, State, History], None]
RUNS = "runs"  # the axis of a mesh over which independent runs are spread


def parts(key: Key) -> tuple[Key, Key, Key]:
    """The three streams of randomness of a run: initial state, data, steps."""
    return tuple(jax.random.fold_in(key, i) for i in range(3))


def mesh_of(x: jax.Array | np.ndarray) -> Mesh | None:
    """The devices on which an array was placed, if it was placed on several."""
    return getattr(getattr(x, "sharding", None), "mesh", None)


def spread(function: Callable, mesh: Mesh | None) -> Callable:
    """A function of (words [n], state [n], common); on a mesh with an axis `runs`, each device has its share of n.

    A share is traced as if there were no others, and may close over no tracers: inside `shard_map` types name the
    mesh, which the gradients of diffrax cannot take.
    """
    if mesh is None or RUNS not in mesh.axis_names:
        return function
    runs = PartitionSpec(RUNS)
    places = dict(mesh=mesh, in_specs=(runs, runs, PartitionSpec()), out_specs=runs, axis_names={RUNS})
    whole = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype)
    part = lambda x: jax.ShapeDtypeStruct((x.shape[0] // mesh.shape[RUNS], *x.shape[1:]), x.dtype)

    def each(words, state, common):
        kinds = *jax.tree.map(part, (words, state)), jax.tree.map(whole, common)
        jaxpr, out = jax.make_jaxpr(function, return_shape=True)(*kinds)

        def share(*given):
            return jax.tree.unflatten(jax.tree.structure(out), jaxpr_as_fun(jaxpr)(*jax.tree.leaves(given)))

        return jax.shard_map(share, **places, check_vma=False)(words, state, common)

    return each


def everywhere(tree: Any, mesh: Mesh | None) -> Any:
    """Inside a program: the same arrays on every device, and so on every host."""
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def loading(stream: Stream, mesh: Mesh | None) -> Callable[[int, int], Any]:
    """stream.load with its arrays on every device, copied there anew only when they are others than the last time."""
    last, copies = None, None

    def load(t0: int, n: int) -> Any:
        nonlocal last, copies
        arrays = stream.load(t0, n)
        if last is None or arrays is not last:
            last, copies = (
                arrays,
                jax.device_put(jax.tree.map(np.asarray, arrays), NamedSharding(mesh, PartitionSpec())),
            )
        return copies

    return load if mesh else stream.load


def copied(state: State, words: jax.Array) -> State:
    """The state in buffers of its own, on the devices of its keys; what is split among them already stays so."""
    mesh = mesh_of(words)
    if mesh is None:
        return jax.device_put(state, may_alias=False)
    shared_out = words.ndim > 1 and RUNS in mesh.axis_names
    usual = NamedSharding(mesh, PartitionSpec(RUNS) if shared_out else PartitionSpec())
    return jax.tree.map(lambda x: jax.device_put(x, x.sharding if mesh_of(x) else usual, may_alias=False), state)


@partial(jax.jit, static_argnames=("method", "plan", "draw", "mesh"))
def begin(words: jax.Array, arrays: Any, *, method: Method, plan: Callable, draw: Callable, mesh: Mesh | None) -> State:
    """The state before step 0 of every run in `words`, one run after the other.

    Not vmapped: initialisers call LAPACK, and two batched LAPACK calls in one program can stop for ever on two cores.
    """

    def one(words, arrays):
        init_key, data_key, _ = parts(jax.random.wrap_key_data(words))
        row = jax.tree.map(lambda x: x[0], plan(data_key, jnp.arange(1), arrays))
        return method.init(init_key, draw(row, arrays))

    each = lambda words, _, arrays: jax.lax.map(lambda words: one(words, arrays), words)
    return spread(each, mesh)(words, (), arrays) if words.ndim > 1 else one(words, arrays)


@partial(jax.jit, static_argnames=("method", "plan", "draw", "chunk", "mesh", "places"), donate_argnames="state")
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
    mesh: Mesh | None = None,
    places: tuple = (),
) -> tuple[State, Metrics]:
    """Steps t0 .. t0 + length of every run; metrics are [chunk] per run, valid up to length.

    On a mesh, `places` are those of the state's leaves: it stays there, and the next chunk needs no other program.
    """

    def one(words, state, common):
        t0, length, arrays = common
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

    each = spread(jax.vmap(one, (0, 0, None)), mesh) if words.ndim > 1 else one
    state, metrics = each(words, state, (t0, length, arrays))
    if mesh:
        state = jax.lax.with_sharding_constraint(state, jax.tree.unflatten(jax.tree.structure(state), places))
    return state, everywhere(metrics, mesh)


def fresh(key: Key, method: Method, stream: Stream = nothing) -> State:
    """The state before the first step."""
    words = jax.random.key_data(key)
    mesh = mesh_of(words)
    arrays = loading(stream, mesh)(0, 1)
    return begin(words, arrays, method=method, plan=stream.plan, draw=stream.draw, mesh=mesh)


def expected(key: Key, method: Method, stream: Stream = nothing) -> State:
    """Structure, shapes and dtypes of the state, without computing it."""
    start = partial(begin, method=method, plan=stream.plan, draw=stream.draw, mesh=None)
    return jax.eval_shape(start, jax.random.key_data(key), stream.load(0, 1))


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
    mesh = mesh_of(words)
    state = fresh(key, method, stream) if state is None else copied(state, words)
    places = tuple(x.sharding for x in jax.tree.leaves(state)) if mesh else ()
    run = partial(advance, method=method, plan=stream.plan, draw=stream.draw, chunk=chunk, mesh=mesh, places=places)
    load = loading(stream, mesh)
    spans = [(t, min(chunk, start + steps - t)) for t in range(start, start + steps, chunk)]
    history = []
    with ThreadPoolExecutor(1, "jaxicon-stream") as loader:
        coming = loader.submit(load, *spans[0]) if spans else None
        for (t, length), following in pairwise([*spans, None]):
            arrays = coming.result()
            coming = following and loader.submit(load, *following)
            state, metrics = run(words, t, length, state, arrays)
            metrics = jax.tree.map(lambda x: np.asarray(x).take(range(length), axis=key.ndim), metrics)
            history.append(metrics)
            for hook in hooks:
                hook(t + length, state, metrics)
    return state, jax.tree.map(lambda *columns: np.concatenate(columns, axis=key.ndim), *history) if history else {}


@partial(jax.jit, static_argnames=("method", "plan", "draw", "mesh"))
def measure(
    words: jax.Array,
    t: jax.Array,
    state: State,
    arrays: Any,
    *,
    method: Method,
    plan: Callable,
    draw: Callable,
    mesh: Mesh | None,
) -> tuple[Metrics, jax.Array]:
    """Metrics of batch t in every run, and the size of the batch."""

    def one(words, state, common):
        t, arrays = common
        _, data_key, step_key = parts(jax.random.wrap_key_data(words))
        row = jax.tree.map(lambda x: x[0], plan(data_key, t[None], arrays))
        batch = draw(row, arrays)
        count = jax.tree.leaves(batch)[0].shape[0] if jax.tree.leaves(batch) else 1
        return method.evaluate(jax.random.fold_in(step_key, t), state, batch), jnp.int32(count)

    each = spread(jax.vmap(one, (0, 0, None)), mesh) if words.ndim > 1 else one
    return everywhere(each(words, state, (t, arrays)), mesh)


def evaluate(key: Key, method: Method, state: State, stream: Stream, batches: int) -> History:
    """Means of method.evaluate over the batches 0 .. batches of a held-out stream, weighted by their sizes.

    One key and one state give scalars; n keys and n states give arrays of length n.
    """
    words = jax.random.key_data(key)
    mesh = mesh_of(words)
    load = loading(stream, mesh)
    run = partial(measure, words, method=method, plan=stream.plan, draw=stream.draw, mesh=mesh)
    metrics, counts = zip(*(run(jnp.int32(t), state, load(t, 1)) for t in range(batches)), strict=True)
    weights = np.array([np.max(count) for count in counts], np.float64) / sum(int(np.max(count)) for count in counts)
    return jax.tree.map(lambda *means: np.tensordot(weights, np.array(means, np.float64), 1), *metrics)
