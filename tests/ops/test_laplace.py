"""Laplace's approximation where it is exact, in linear-Gaussian regression, and where its error is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from jaxicon.ops.laplace import curvature, gauss_newton, gaussian_samples, linearised, log_evidence

NOISE, PRIOR = 0.5, 2.0


@pytest.fixture
def regression(x64):
    """(x, y), the posterior's mean and covariance, log p(w, D) of linear regression."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)), random.normal(size=12)
    precision = x.T @ x / NOISE**2 + np.eye(3) / PRIOR**2
    mean = np.linalg.solve(precision, x.T @ y / NOISE**2)

    def log_joint(w):
        log_prior = jax.scipy.stats.norm.logpdf(w, 0, PRIOR).sum()
        return log_prior + jax.scipy.stats.norm.logpdf(y, x @ w, NOISE).sum()

    return (x, y), mean, np.linalg.inv(precision), log_joint


@pytest.mark.slow
def test_exact_in_linear_gaussian_regression(regression):
    (x, y), mean, covariance, log_joint = regression
    precision = curvature(log_joint, jnp.array(mean))
    np.testing.assert_allclose(np.linalg.inv(precision), covariance, atol=1e-12)
    loss = lambda f: ((y - f) ** 2).sum() / (2 * NOISE**2)
    np.testing.assert_allclose(
        gauss_newton(lambda w: x @ w, loss, jnp.array(mean)) + np.eye(3) / PRIOR**2, precision, atol=1e-10
    )
    marginal = multivariate_normal(np.zeros(12), NOISE**2 * np.eye(12) + PRIOR**2 * x @ x.T)
    assert log_evidence(log_joint(jnp.array(mean)), precision) == pytest.approx(marginal.logpdf(y), abs=1e-10)


def test_predictions_have_the_exact_moments(regression):
    (x, _), mean, covariance, log_joint = regression
    new = np.vstack([x[:2], 10 * x[:1]])
    precision = curvature(log_joint, jnp.array(mean))
    found_mean, found_covariance = linearised(lambda w: new @ w, jnp.array(mean), precision)
    np.testing.assert_allclose(found_mean, new @ mean, atol=1e-12)
    np.testing.assert_allclose(found_covariance, new @ covariance @ new.T, atol=1e-10)
    assert found_covariance[2, 2] == pytest.approx(100 * found_covariance[0, 0])


def test_draws_have_the_moments_of_the_gaussian(regression, key):
    _, mean, covariance, log_joint = regression
    drawn = gaussian_samples(key, jnp.array(mean), curvature(log_joint, jnp.array(mean)), 50_000)
    deviation = np.sqrt(np.diag(covariance))
    assert (abs(drawn.mean(0) - mean) < 4.5 * deviation / np.sqrt(50_000)).all()
    spread = np.sqrt((np.outer(deviation, deviation) ** 2 + covariance**2) / 50_000)
    assert (abs(np.cov(drawn, rowvar=False) - covariance) < 4.5 * spread).all()


def test_gauss_newton_lacks_the_residual_times_the_second_derivative(x64):
    """One parameter, f = w^2, loss (f - y)^2 / 2: the Hessian is f'^2 + (f - y) f'', Gauss and Newton keep f'^2."""
    loss, w = lambda f: ((f - 3.0) ** 2).sum() / 2, jnp.array([1.2])
    assert gauss_newton(lambda w: w**2, loss, w) == pytest.approx((2 * 1.2) ** 2)
    full = -curvature(lambda w: loss(w**2), w)
    assert -full == pytest.approx(-((2 * 1.2) ** 2 + (1.2**2 - 3) * 2))


def test_stirlings_formula_is_laplaces_approximation(x64):
    """n! is the integral of exp(n log w - w), whose mode is n: sqrt(2 pi n) (n / e)^n."""
    n = 7.0
    log_joint = lambda w: (n * jnp.log(w) - w).sum()
    mode = jnp.array([n])
    expected = 0.5 * np.log(2 * np.pi * n) + n * np.log(n) - n
    assert log_evidence(log_joint(mode), curvature(log_joint, mode)) == pytest.approx(expected, abs=1e-12)
