"""Batch t is a function of (key, t), whatever the chunk it is drawn in; each stream draws what it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.core.stream import epochs, hosted, keys_at, placed, resident, synthetic, windows

DATA = (np.arange(23), np.arange(23) * 10.0)
STREAMS = {
    "resident": resident(DATA, 4),
    "epochs": epochs(DATA, 4),
    "windows": windows(np.arange(101), 3, 7),
    "synthetic": synthetic(lambda key: jax.random.normal(key, (4,))),
    "hosted": hosted(lambda t: np.arange(4) + 100 * t),
}


def batches(stream, key, t0, n):
    arrays = stream.load(t0, n)
    rows = stream.plan(key, t0 + jnp.arange(n), arrays)
    return [stream.draw(jax.tree.map(lambda x: x[i], rows), arrays) for i in range(n)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_batch_does_not_depend_on_its_chunk(name, key):
    whole = batches(STREAMS[name], key, 0, 20)
    for t0, n in ((0, 1), (3, 5), (7, 13), (19, 1)):
        for a, b in zip(batches(STREAMS[name], jax.random.clone(key), t0, n), whole[t0 : t0 + n], strict=True):
            jax.tree.map(np.testing.assert_array_equal, a, b)


def test_epochs_draw_every_example_once_per_epoch_in_changing_orders(key):
    drawn = np.concatenate([x for x, _ in batches(epochs(DATA, 4), key, 0, 23)])  # four epochs of 23
    orders = drawn.reshape(4, 23)
    assert (np.sort(orders, axis=1) == np.arange(23)).all()
    assert len({tuple(order) for order in orders}) == 4
    assert all((10.0 * x == y).all() for x, y in batches(epochs(DATA, 4), jax.random.key(5), 0, 5))


def test_epochs_with_batches_larger_than_the_data(key):
    drawn = np.concatenate([x for x, _ in batches(epochs(DATA, 50), key, 0, 23)])
    assert (np.bincount(drawn) == 50).all()


def test_epochs_do_not_overflow_late_in_a_run(key):
    t = 2**29  # t * batch_size would not fit 32 bits
    start = t - t % 23  # whole epochs begin at multiples of 23 batches
    drawn = np.concatenate([x for x, _ in batches(epochs(DATA, 4), key, start, 23)])
    assert (np.sort(drawn.reshape(4, 23), axis=1) == np.arange(23)).all()


def test_resident_draws_uniformly(key):
    drawn = np.concatenate([x for x, _ in batches(resident(DATA, 1000), key, 0, 20)])
    counts = np.bincount(drawn, minlength=23)
    expected = 20_000 / 23
    assert ((counts - expected) ** 2 / expected).sum() < 49.7  # chi-square, 22 degrees of freedom, p = 0.0006


def test_windows_follow_each_other_and_targets_are_one_ahead(key):
    stream = windows(np.arange(101), 3, 7)
    xs, ys = zip(*batches(stream, key, 0, 8), strict=True)
    assert all((y == x + 1).all() for x, y in zip(xs, ys, strict=True))
    tracks = np.concatenate(xs[:4], axis=1)  # 101 steps give 3 tracks of 4 windows of width 7
    np.testing.assert_array_equal(tracks, np.arange(28)[None] + 28 * np.arange(3)[:, None])
    np.testing.assert_array_equal(xs[4], xs[0])


def test_impossible_data_are_refused():
    with pytest.raises(DataError, match="leading axis"):
        resident((np.ones(3), np.ones(4)), 2)
    with pytest.raises(DataError, match="20 steps are too few for 3 tracks of width 7"):
        windows(np.arange(20), 3, 7)


def test_the_key_of_a_step_is_folded_from_its_number(key):
    words = keys_at(jax.random.clone(key), jnp.array([4, 9]))
    expected = [jax.random.key_data(jax.random.fold_in(key, t)) for t in (4, 9)]
    np.testing.assert_array_equal(words, expected)


def test_arrays_are_placed_on_the_device_once_also_while_tracing():
    load = placed({"x": np.arange(5)})
    traced = jax.jit(lambda: load(0, 1)["x"].sum())()
    first, second = load(0, 1), load(7, 2)
    assert traced == 10
    assert first["x"] is second["x"]
