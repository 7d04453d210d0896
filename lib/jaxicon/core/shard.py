"""Many devices and many hosts, said by where a run's key lies: what trains does not know of them.

    mesh = over("runs")                                          # all devices of all hosts
    train(placed(keys, mesh), method, stream, steps)             # n runs, each on one device
    mesh = over("data")
    train(placed(key, mesh), method, data_parallel(stream, mesh), steps)                     # one run, batches split
    train(placed(key, mesh), split(method, mesh, {"kernel": P(None, "data")}), stream, steps)   # one run, state split

The first needs no communication. In the others XLA finds out what the devices have to tell each other; the numbers are
those of one device but for the order of sums.
"""

import os
import re
from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxicon.core.checkpoint import named_leaves
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Learner, Method, State
from jaxicon.core.run import RUNS
from jaxicon.core.stream import Stream

HEARTBEAT = 10  # seconds without a sign of life after which a host counts as dead, and the others stop


def start() -> None:
    """Join the other hosts, before anything runs; $JAX_COORDINATOR_ADDRESS is host:port of the first.

    $JAX_NUM_PROCESSES and $JAX_PROCESS_ID tell how many there are and which this is; where they are not set, JAX asks
    Slurm, Open MPI, Kubernetes or the TPU. Raises ConfigError where nobody knows, or the others do not come.
    """
    number = lambda name: int(os.environ[name]) if name in os.environ else None
    try:
        count, index = number("JAX_NUM_PROCESSES"), number("JAX_PROCESS_ID")
        jax.distributed.initialize(None, count, index, heartbeat_timeout_seconds=HEARTBEAT)
    except (ValueError, TypeError, RuntimeError) as error:
        names = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
        got = ", ".join(f"{name}={os.environ.get(name)}" for name in names)
        raise ConfigError(f"start: no connection to the other hosts, {got}: {error}") from error


def over(axis: str, count: int | None = None) -> Mesh:
    """A mesh of the first `count` devices, by default of all devices of all hosts, along one axis."""
    return jax.make_mesh((count or jax.device_count(),), (axis,), (AxisType.Auto,), devices=jax.devices()[:count])


def placed(key: Key, mesh: Mesh) -> Key:
    """The key of a run that uses the whole mesh, or keys [n] of n runs that are spread over its axis `runs`.

    Raises ConfigError where the devices of that axis would not get equally many runs.
    """
    spread = bool(key.ndim) and RUNS in mesh.axis_names
    if spread and key.shape[0] % mesh.shape[RUNS]:
        raise ConfigError(f"placed: {key.shape[0]} runs; expected a multiple of {mesh.shape[RUNS]} devices")
    words = jax.device_put(np.asarray(jax.random.key_data(key)), sharding(mesh, RUNS if spread else None))
    return jax.random.wrap_key_data(words, impl=jax.random.key_impl(key))


def sharding(mesh: Mesh, *axes: str | None) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec(*axes))


def data_parallel(stream: Stream, mesh: Mesh, axis: str = "data") -> Stream:
    """The same batches, split along their leading axis over an axis of the mesh.

    Raises ConfigError, when the first batch is drawn, where the devices of that axis would not get equal parts.
    """

    def draw(row, arrays):
        batch = stream.draw(row, arrays)
        sizes = sorted({x.shape[0] for x in jax.tree.leaves(batch)})
        if not sizes or any(size % mesh.shape[axis] for size in sizes):
            got = f"batches of {' and '.join(map(str, sizes))}" if sizes else "no batches"
            raise ConfigError(f"data_parallel: got {got}; expected a multiple of {mesh.shape[axis]} devices")
        return jax.lax.with_sharding_constraint(batch, sharding(mesh, axis))

    return stream._replace(draw=draw)


def split(method: Method, mesh: Mesh, rules: Mapping[str, PartitionSpec]) -> Learner:
    """The method with its state split over a mesh by the first rule whose pattern is found in the path of a leaf.

    Paths are those of checkpoints, 'params/Dense_0/kernel'; what no rule names is on every device. Raises ConfigError,
    naming the leaf, where an axis of the mesh does not divide its shape.
    """

    def constrained(state: State) -> State:
        places = [place(path, leaf) for path, leaf in named_leaves(state).items()]
        return jax.lax.with_sharding_constraint(state, jax.tree.unflatten(jax.tree.structure(state), places))

    def place(path: str, leaf: jax.Array) -> NamedSharding:
        spec = next((spec for pattern, spec in rules.items() if re.search(pattern, path)), PartitionSpec())
        parts = [int(np.prod([mesh.shape[name] for name in np.atleast_1d(axes) if name])) for axes in spec]
        if len(parts) > leaf.ndim or any(size % n for size, n in zip(leaf.shape, parts, strict=False)):
            raise ConfigError(f"split: {path!r} is {list(leaf.shape)}; {spec} asks for {parts} equal parts")
        return NamedSharding(mesh, spec)

    def step(key, state, batch):
        state, metrics = method.step(key, state, batch)
        return constrained(state), metrics

    return Learner(lambda key, batch: constrained(method.init(key, batch)), step, method.evaluate)
