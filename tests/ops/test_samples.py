import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from jaxicon.ops.samples import frechet, moments, sliced_wasserstein


def test_sliced_wasserstein_in_one_dimension_is_that_of_scipy(x64, key):
    x, y = jax.random.normal(key, (2, 50, 1)) * jnp.array([1.0, 2.0])[:, None, None] + 0.3
    exact = wasserstein_distance(np.asarray(x)[:, 0], np.asarray(y)[:, 0])
    np.testing.assert_allclose(sliced_wasserstein(jax.random.key(1), x, y), exact, rtol=1e-12)


def test_sliced_wasserstein_of_a_shift_is_its_mean_projection(x64, key):
    """The mean of |cos| over directions in the plane is 2 / pi."""
    x = jax.random.normal(key, (30, 2))
    ours = sliced_wasserstein(jax.random.key(1), x, x[::-1] + jnp.array([[3.0, 4.0]]), 20_000)
    assert float(ours) == pytest.approx(5 * 2 / np.pi, rel=0.01)


def test_frechet_is_the_formula_with_scipys_root(x64, key):
    x, y = np.asarray(jax.random.normal(key, (2, 40, 5)))
    y = y[:30] @ np.triu(np.ones((5, 5))) + 0.5
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    exact = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * sqrtm(cov_x @ cov_y).real)
    np.testing.assert_allclose(frechet(*moments(jnp.asarray(x)), *moments(jnp.asarray(y))), exact, rtol=1e-9)
    np.testing.assert_allclose(frechet(*moments(jnp.asarray(x)), *moments(jnp.asarray(x))), 0, atol=1e-7)
