import jax
import numpy as np
import pytest
from scipy import stats

from jaxicon.ops.bulk import permutations, uniform, words


def test_every_bit_of_a_word_is_fair(key):
    """Each of the 32, also in the last block, of which an odd number leaves half."""
    drawn = np.asarray(words(key, 20_001))
    assert drawn.shape == (20_001,)
    ones = ((drawn[:, None] >> np.arange(32)) & 1).sum(0)
    assert (2 * stats.binom.sf(abs(ones - 20_001 / 2) + 20_001 / 2, 20_001, 0.5) > 1e-4).all()
    assert len(np.unique(drawn)) > 20_001 - 5  # one pair in twenty runs is to be expected


def test_numbers_are_uniform_and_independent(key):
    draws = np.asarray(jax.jit(lambda key: uniform(key, (3, 20_001), -2.0, 4.0))(key))
    assert draws.dtype == np.float32
    assert draws.min() >= -2
    assert draws.max() < 4
    assert stats.kstest(draws.ravel(), stats.uniform(-2, 6).cdf).pvalue > 1e-3
    grid = np.histogram2d(draws.ravel()[:-1], draws.ravel()[1:], 8)[0]  # one after the other
    assert stats.chisquare(grid.ravel()).pvalue > 1e-3
    assert len(np.unique(draws)) > 0.99 * draws.size


def test_the_interval_is_half_open(x64):
    """The largest word gives high - (high - low) 2^-23, in the default float."""
    draws = uniform(jax.random.key(1), (2**18,), 0.0, 1.0)
    assert draws.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(draws) * 2**23 % 1, 0)
    assert draws.min() < 2**-15
    assert 1 - 2**-15 < draws.max() < 1


@pytest.mark.parametrize("size", [1, 2, 100, 128, 4096, 4097])
def test_orders_hold_every_place_once(key, size):
    orders = np.asarray(permutations(key, 3, size))
    assert orders.dtype == np.int32
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(size), (3, 1)))


def test_every_order_is_as_likely(key):
    orders = np.asarray(permutations(key, 48_000, 4)) @ [64, 16, 4, 1]
    codes, counts = np.unique(orders, return_counts=True)
    assert len(codes) == 24
    assert stats.chisquare(counts).pvalue > 1e-3
    places = np.asarray(permutations(jax.random.key(1), 2_000, 100))[:, [0, 57, 99]]  # where a sort might leave a trace
    for column in places.T:
        assert stats.chisquare(np.bincount(column, minlength=100)).pvalue > 1e-3
