"""Gaussian process regression against scikit-learn, and against conditioning a joint Gaussian in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.foundations.gaussian_process import (
    KERNELS,
    Config,
    Hyper,
    covariance,
    gaussian_process,
    log_marginal_likelihood,
    posterior,
)

HYPER = Hyper(np.array([0.7, 1.9]), 1.4, 0.2)
THEIRS = {
    "squared_exponential": RBF(HYPER.lengthscale),
    "matern_3_2": Matern(HYPER.lengthscale, nu=1.5),
    "matern_5_2": Matern(HYPER.lengthscale, nu=2.5),
}


def example():
    def sample(key):
        x = jax.random.normal(key, (12, 2))
        return x, jnp.stack([jnp.sin(x[:, 0]), x.sum(-1)], -1)

    return gaussian_process(Config()), synthetic(sample)


def points(count=50):
    draw = np.random.default_rng(0)
    x = draw.uniform(-2, 2, (count, 2))
    return x, np.sin(2 * x[:, 0]) + 0.3 * x[:, 1] + 0.2 * draw.normal(size=count)


def theirs(kernel, optimizer=None):
    prior = ConstantKernel(HYPER.signal**2) * THEIRS[kernel] + WhiteKernel(HYPER.noise**2)
    return GaussianProcessRegressor(prior, alpha=0, optimizer=optimizer).fit(*points())


def hyper(theta):
    """scikit-learn's logarithms: a^2, l, s^2."""
    return Hyper(jnp.exp(theta[1:3]), jnp.exp(theta[0] / 2), jnp.exp(theta[3] / 2))


@pytest.mark.system("found.gaussian_process")
@pytest.mark.parametrize("kernel", [*THEIRS])
def test_the_posterior_on_fifty_points_is_scikit_learns(kernel, x64):
    x, y = points()
    new = np.random.default_rng(1).uniform(-3, 3, (20, 2))
    found = posterior(KERNELS[kernel], jax.tree.map(jnp.asarray, HYPER), *map(jnp.asarray, (x, y, new)))
    mean, joint = theirs(kernel).predict(new, return_cov=True)
    np.testing.assert_allclose(found[0], mean, atol=1e-9)
    np.testing.assert_allclose(found[1], joint - HYPER.noise**2 * np.eye(20), atol=1e-9)


@pytest.mark.slow
@pytest.mark.system("found.gaussian_process")
@pytest.mark.parametrize("kernel", [*THEIRS])
def test_the_evidence_and_its_gradient_are_scikit_learns(kernel, x64):
    x, y = map(jnp.asarray, points())
    model = theirs(kernel)
    theta = np.log([HYPER.signal**2, *HYPER.lengthscale, HYPER.noise**2])
    evidence = lambda theta: log_marginal_likelihood(KERNELS[kernel], hyper(theta), x, y)
    value, slope = model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)
    np.testing.assert_allclose(model.kernel_.theta, theta)
    assert evidence(jnp.asarray(theta)) == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(jax.grad(evidence)(jnp.asarray(theta)), slope, rtol=1e-7)


@pytest.mark.system("found.gaussian_process")
def test_it_is_a_joint_gaussian_conditioned_on_what_was_seen(x64):
    """The covariance of five values entry by entry, two of them unseen; the evidence is the density of the others."""
    x, y = points(3)
    new = np.array([[0.3, -0.4], [1.5, 0.0]])
    every = np.concatenate([x, new])
    k = np.empty((5, 5))
    for i in range(5):
        for j in range(5):
            distance = sum(((every[i, d] - every[j, d]) / HYPER.lengthscale[d]) ** 2 for d in range(2))
            k[i, j] = HYPER.signal**2 * np.exp(-distance / 2)
    seen = k[:3, :3] + HYPER.noise**2 * np.eye(3)
    profile, ours = KERNELS["squared_exponential"], jax.tree.map(jnp.asarray, HYPER)
    np.testing.assert_allclose(covariance(profile, ours, jnp.asarray(every), jnp.asarray(every)), k, atol=1e-14)
    mean, spread = posterior(profile, ours, *map(jnp.asarray, (x, y, new)))
    np.testing.assert_allclose(mean, k[3:, :3] @ np.linalg.inv(seen) @ y, atol=1e-12)
    np.testing.assert_allclose(spread, k[3:, 3:] - k[3:, :3] @ np.linalg.inv(seen) @ k[:3, 3:], atol=1e-12)
    evidence = log_marginal_likelihood(profile, ours, jnp.asarray(x), jnp.asarray(y))
    assert evidence == pytest.approx(multivariate_normal.logpdf(y, np.zeros(3), seen), abs=1e-12)


@pytest.mark.slow
@pytest.mark.system("found.gaussian_process")
def test_training_finds_the_optimum_of_scikit_learn(key, x64):
    """Two columns, of which the second is the first one tripled: its signal and noise are three times as large."""
    x, y = points()
    method = gaussian_process(Config(least_noise=1e-6))
    state, history = train(key, method, epochs((x, np.stack([y, 3 * y], 1)), 50), 500)
    best = theirs("squared_exponential", "fmin_l_bfgs_b")
    signal, *lengthscale, noise = np.exp(best.kernel_.theta)
    params = jax.tree.map(np.exp, state.params)
    np.testing.assert_allclose(params["log_lengthscale"], [lengthscale] * 2, rtol=0.02)
    np.testing.assert_allclose(params["log_signal"], np.sqrt(signal) * np.array([1, 3]), rtol=0.02)
    np.testing.assert_allclose(params["log_noise"], np.sqrt(noise) * np.array([1, 3]), rtol=0.02)
    evidence = best.log_marginal_likelihood_value_
    assert history["log_marginal_likelihood"][-1] == pytest.approx(2 * evidence - 50 * np.log(3), abs=0.01)

    new = np.random.default_rng(1).uniform(-2, 2, (200, 2))
    mean, std = method.predict(state, jnp.asarray(new))
    expected = best.predict(new, return_std=True)
    np.testing.assert_allclose(mean[:, 0], expected[0], atol=0.01)
    np.testing.assert_allclose(std[:, 1], 3 * expected[1], rtol=0.02)
    truth = np.sin(2 * new[:, 0]) + 0.3 * new[:, 1] + 0.2 * np.random.default_rng(2).normal(size=200)
    metrics = evaluate(jax.random.key(1), method, state, epochs((new, np.stack([truth, 3 * truth], 1)), 200), 1)
    error = np.stack([truth, 3 * truth], 1) - np.asarray(mean)
    assert metrics["error"] == pytest.approx(np.sqrt((error**2).mean()))
    assert metrics["coverage"] == pytest.approx((abs(error) < 1.96 * np.asarray(std)).mean())
    covered = (abs(truth - expected[0]) < 1.96 * expected[1]).mean()  # 0.83: fifty points understate the noise
    assert metrics["coverage"] == pytest.approx(covered, abs=0.02)


@pytest.mark.slow
def test_inputs_that_coincide_have_finite_gradients(key, x64):
    x = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    for kernel in KERNELS:
        method = gaussian_process(Config(kernel=kernel))
        state, _ = train(jax.random.clone(key), method, epochs((x, np.zeros((3, 1))), 3), 3)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))


def test_bad_input():
    with pytest.raises(ConfigError, match="gaussian_process: no kernel 'matern52'; did you mean 'matern_5_2'"):
        gaussian_process(Config(kernel="matern52"))
    with pytest.raises(ConfigError, match="gaussian_process: noise is -1; expected a finite number above 0"):
        gaussian_process(Config(noise=-1))
    with pytest.raises(DataError, match=r"gaussian_process: y has shape \(4,\); expected 2 axes"):
        gaussian_process(Config()).init(jax.random.key(0), (jnp.zeros((4, 2)), jnp.zeros(4)))
