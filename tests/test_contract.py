"""What every method promises, checked on every method that has a test module with `example() -> (method, stream)`.

One compilation of `fresh` and one of `advance` per method serve all checks, but for those over several keys.
"""

from functools import cache
from importlib import util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core import catalog
from jaxicon.core.checkpoint import Checkpoints
from jaxicon.core.run import RUNS, evaluate, fresh, parts, train
from jaxicon.core.shard import over, placed

TESTS = Path(__file__).parent
CHUNK = 4


@cache
def example(family: str, name: str):
    path = TESTS / family / f"test_{name}.py"
    spec = util.spec_from_file_location(f"contract_{name}", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.example()


def cases():
    for entry in catalog.methods():
        if (TESTS / entry.family / f"test_{entry.name}.py").exists():  # tests/test_catalog.py asks for it
            yield pytest.param(entry, id=entry.name, marks=[pytest.mark.slow] if entry.base else [])


@pytest.fixture(params=cases())
def case(request):
    return example(request.param.family, request.param.name)


def kinds(tree):
    return jax.tree.structure(tree), [(jnp.shape(x), jnp.result_type(x)) for x in jax.tree.leaves(tree)]


def words(tree):
    """Leaves as arrays that can be compared; keys as their words."""
    raw = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
    return [np.asarray(raw(x)) for x in jax.tree.leaves(tree)]


def same(a, b) -> bool:
    return all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(words(a), words(b), strict=True))


def first_batch(key, stream):
    row = jax.tree.map(lambda x: x[0], stream.plan(parts(key)[1], jnp.arange(1), stream.load(0, 1)))
    return stream.draw(row, stream.load(0, 1))


def test_step_keeps_the_type_of_its_state_and_metrics_are_scalars(case, key):
    method, stream = case
    batch = jax.eval_shape(lambda key: first_batch(key, stream), key)
    state = jax.eval_shape(method.init, key, batch)
    after, metrics = jax.eval_shape(method.step, key, state, batch)
    assert kinds(after) == kinds(state)
    assert kinds(jax.eval_shape(method.step, key, after, batch)[0]) == kinds(state)
    measured = jax.eval_shape(method.evaluate, key, state, batch)
    assert metrics
    assert measured
    assert all(m.shape == () for m in [*metrics.values(), *measured.values()])


def test_resumed_equals_uninterrupted_bit_for_bit(case, key):
    method, stream = case
    whole, history = train(jax.random.clone(key), method, stream, 7, chunk=CHUNK)
    assert all(np.isfinite(m).all() for m in history.values()), {
        k: v for k, v in history.items() if not np.isfinite(v).all()
    }
    compiled = advance_count()
    for cut in (1, 3, 6):
        half, before = train(jax.random.clone(key), method, stream, cut, chunk=CHUNK)
        resumed, after = train(jax.random.clone(key), method, stream, 7 - cut, state=half, start=cut, chunk=CHUNK)
        assert same(whole, resumed)
        assert same(history, jax.tree.map(lambda *x: np.concatenate(x), before, after))
    assert advance_count() == compiled, "another length of the same chunk compiled again"
    measured = evaluate(jax.random.clone(key), method, whole, stream, 1)
    assert all(np.isfinite(m).all() for m in measured.values())


def advance_count() -> int:
    from jaxicon.core.run import advance

    return advance._cache_size()


def two_starts(keys, method, stream):
    """States that the compiled `fresh` makes one by one, as it does for n keys: tests/core/test_run.py."""
    starts = [fresh(jax.random.clone(k), method, stream) for k in keys]
    return starts, jax.tree.map(lambda *x: np.stack(x), *starts)


def test_n_keys_are_n_runs(case, key):
    method, stream = case
    keys = jax.random.split(key, 2)
    starts, both = two_starts(keys, method, stream)
    many, _ = train(jax.random.clone(keys), method, stream, 3, state=both, chunk=CHUNK)
    one, _ = train(keys[1], method, stream, 3, state=starts[1], chunk=CHUNK)
    for a, b in zip(words(many), words(one), strict=True):
        np.testing.assert_allclose(a[1], b, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_runs_on_two_devices_are_those_of_one(case, key):
    method, stream = case
    keys = jax.random.split(key, 2)
    starts, both = two_starts(keys, method, stream)
    many, _ = train(placed(jax.random.clone(keys), over(RUNS, 2)), method, stream, 3, state=both, chunk=CHUNK)
    assert all(len(x.sharding.device_set) == 2 for x in jax.tree.leaves(many))
    one, _ = train(keys[1], method, stream, 3, state=starts[1], chunk=CHUNK)
    for a, b in zip(words(many), words(one), strict=True):
        np.testing.assert_allclose(a[1], b, rtol=1e-5, atol=1e-5)


def test_state_survives_a_checkpoint(case, key, tmp_path):
    method, stream = case
    state = fresh(jax.random.clone(key), method, stream)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(0, state, {})
    _, restored, _ = checkpoints.load(
        jax.eval_shape(method.init, key, jax.eval_shape(lambda key: first_batch(key, stream), key))
    )
    assert kinds(restored) == kinds(state)
    assert same(restored, state)


def test_runs_in_float64(case, key, x64):
    method, stream = case
    batch = jax.eval_shape(lambda key: first_batch(key, stream), key)
    state = jax.eval_shape(method.init, key, batch)
    after, metrics = jax.eval_shape(method.step, key, state, batch)
    assert kinds(after) == kinds(state)
    assert all(m.dtype != jnp.float32 for m in metrics.values()), {k: m.dtype for k, m in metrics.items()}
