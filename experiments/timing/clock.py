"""Seconds, and what the machine can do at most."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from jaxicon.core.method import Key, Method, State
from jaxicon.core.run import parts
from jaxicon.core.stream import Stream, keys_at


def seconds(unit: Callable[[], Any]) -> float:
    """One call of unit, until its last array is there."""
    began = time.perf_counter()
    jax.block_until_ready(unit())
    return time.perf_counter() - began


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call, and the seconds it took."""
    began = time.perf_counter()
    return function(), time.perf_counter() - began


@contextmanager
def compiled_anew() -> Iterator[None]:
    """Programs are compiled, not taken from the persistent cache."""
    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # JAX remembers whether there is one
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()


def in_turn(units: dict[str, Callable[[], Any]], repeats: int) -> dict[str, np.ndarray]:
    """Seconds [repeats] of each unit. A round has one call of every unit, so that a busy machine slows all alike."""
    rounds = [[seconds(unit) for unit in units.values()] for _ in range(repeats)]
    return dict(zip(units, np.array(rounds).T, strict=True))


def spread(values: np.ndarray) -> dict[str, float]:
    return dict(zip(("median", "p10", "p90"), np.percentile(values, (50, 10, 90)).tolist(), strict=True))


def peak() -> dict[str, float]:
    """The best of ten large matmuls, and of ten passes over memory (a read and a write), in the default float."""
    wide, long = (1024, 2**24) if jax.default_backend() == "cpu" else (8192, 2**28)
    matrix, vector = jnp.ones((wide, wide)), jnp.ones(long)
    product, increment = jax.jit(jnp.matmul), jax.jit(lambda x: x + 1, donate_argnums=0)  # new memory is slow

    def one_pass():
        nonlocal vector
        vector = increment(vector)
        return vector

    units = {"product": lambda: product(matrix, matrix), "pass": one_pass}
    in_turn(units, 1)
    best = {name: times.min() for name, times in in_turn(units, 10).items()}
    return {"flops_per_s": 2 * wide**3 / best["product"], "bytes_per_s": 2 * vector.nbytes / best["pass"]}


def plain_loop(key: Key, method: Method, stream: Stream, state: State, steps: int) -> Callable[[], Any]:
    """The runner's rival: one jitted step, called from Python. Plans, keys and arrays wait on the device."""
    _, data_key, step_key = parts(key)
    ts, arrays = jnp.arange(steps), stream.load(0, steps)
    rows = jax.jit(stream.plan)(data_key, ts, arrays), keys_at(step_key, ts)

    @jax.jit
    def step(i, state, rows, arrays):
        row, words = jax.tree.map(lambda x: x[i], rows)
        return i + 1, *method.step(jax.random.wrap_key_data(words), state, stream.draw(row, arrays))

    def unit():
        carry, history = (jnp.int32(0), state), []
        for _ in range(steps):
            *carry, metrics = step(*carry, rows, arrays)
            history.append(metrics)
        return carry, history

    return unit
