import jax
import numpy as np
from scipy import stats

from jaxicon.ops.bulk import uniform


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
