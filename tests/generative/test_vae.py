from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm
from scipy.stats import multivariate_normal

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.generative.vae import (
    Config,
    bernoulli,
    bound,
    decode,
    importance_weighted,
    log_likelihood,
    reconstruct,
    reparameterise,
    vae,
)


def example():
    images = np.random.default_rng(0).uniform(size=(12, 5)).astype(np.float32)
    return vae(Config(latent=2, hidden=(6,))), epochs(images, 4)


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(6)
WEIGHTS = WEIGHTS / WEIGHTS.sum()  # exact means of polynomials under N(0, 1)


class LinearGaussian:
    """x = W z + b + s e with z and e standard normal; W's columns are orthogonal, so the posterior is diagonal."""

    W, b, s = np.array([[1.0, 0.5], [1.0, -0.5], [0.5, 0.0]]), np.array([0.1, -0.2, 0.3]), 0.7
    x = np.array([1.5, -0.4, 0.8])
    precision = np.eye(2) + W.T @ W / s**2
    mean = np.linalg.solve(precision, W.T @ (x - b) / s**2)
    evidence = multivariate_normal(b, W @ W.T + s**2 * np.eye(3)).logpdf(x)

    @classmethod
    def log_likelihood(cls, z):
        return norm.logpdf(jnp.asarray(cls.x), cls.W @ z + cls.b, cls.s).sum()

    @classmethod
    def gap(cls, mean, log_std):
        """KL(q || posterior) with full covariances."""
        cov, d = np.diag(np.exp(2 * log_std)), mean - cls.mean
        trace = np.trace(cls.precision @ cov) + d @ cls.precision @ d - 2
        return (trace - np.linalg.slogdet(cls.precision @ cov)[1]) / 2

    @classmethod
    def elbo(cls, mean, log_std):
        """Our one-sample bound, its mean over the noise by quadrature."""
        total = 0.0
        for (i, a), (j, c) in product(enumerate(NODES), repeat=2):
            distortion, rate = bound(jnp.array([a, c]), jnp.array(mean), jnp.array(log_std), cls.log_likelihood)
            total += WEIGHTS[i] * WEIGHTS[j] * (-distortion - rate)
        return total


@pytest.mark.system("gen.elbo")
def test_evidence_is_elbo_plus_divergence_from_the_posterior(x64):
    mean, log_std = np.array([0.2, -0.9]), np.array([-0.3, 0.4])
    gap = LinearGaussian.gap(mean, log_std)
    assert gap > 0.5
    np.testing.assert_allclose(LinearGaussian.elbo(mean, log_std) + gap, LinearGaussian.evidence, atol=1e-8)


@pytest.mark.system("gen.elbo")
def test_the_bound_is_tight_at_the_posterior(x64):
    log_std = -np.log(np.diag(LinearGaussian.precision)) / 2
    np.testing.assert_allclose(LinearGaussian.elbo(LinearGaussian.mean, log_std), LinearGaussian.evidence, atol=1e-8)


@pytest.mark.slow
def test_importance_weights_find_the_evidence(x64, key):
    exact = jnp.array(LinearGaussian.mean), -jnp.log(jnp.diag(jnp.array(LinearGaussian.precision))) / 2
    noise = jax.random.normal(key, (4000, 8, 2))
    one = importance_weighted(noise[0, :3], *exact, LinearGaussian.log_likelihood)
    np.testing.assert_allclose(one, LinearGaussian.evidence, atol=1e-10)  # at the posterior every weight is p(x)

    wide = jnp.array([0.2, -0.5]), jnp.array([0.2, 0.4])
    estimate = jax.vmap(lambda noise: importance_weighted(noise, *wide, LinearGaussian.log_likelihood))
    means = [float(estimate(noise[:, :k]).mean()) for k in (1, 2, 8)]
    assert LinearGaussian.elbo(*wide) == pytest.approx(means[0], abs=0.1)
    assert means[0] < means[1] < means[2] < LinearGaussian.evidence
    assert estimate(noise.reshape(1, -1, 2))[0] == pytest.approx(LinearGaussian.evidence, abs=0.03)


@pytest.mark.system("gen.reparam")
def test_gradient_through_the_sample_is_exact_and_of_lower_variance_than_the_score_function(x64, key):
    mu, sigma = 1.5, 0.6

    def square(parameters, noise):
        return reparameterise(parameters[:1], jnp.log(parameters[1:]), noise[None])[0] ** 2

    through = jax.vmap(jax.grad(square), (None, 0))
    parameters = jnp.array([mu, sigma])
    exact = jnp.array(WEIGHTS) @ through(parameters, jnp.array(NODES))
    np.testing.assert_allclose(exact, [2 * mu, 2 * sigma], rtol=1e-12)

    noise = jax.random.normal(key, (20_000,))
    z = mu + sigma * noise
    score = z[:, None] ** 2 * jnp.stack([noise, noise**2 - 1], axis=1) / sigma  # f(z) grad log q(z)
    sampled = through(parameters, noise)
    for estimate in (sampled, score):
        error = estimate.std(0) / np.sqrt(len(noise))
        assert (abs(estimate.mean(0) - jnp.array([2 * mu, 2 * sigma])) < 4 * error).all()
    assert (sampled.var(0) * 3 < score.var(0)).all()


def test_a_grey_pixel_is_the_mean_over_binary_images(x64, key):
    init_key, z_key = jax.random.split(key)
    x, z = np.array([0.0, 0.3, 0.8, 1.0]), jax.random.normal(z_key, (2,))
    params = vae(Config(latent=2, hidden=(6,))).init(init_key, jnp.array(x)[None]).params
    white = 1 / (1 + np.exp(-np.asarray(decode(params, z))))
    mean = 0.0
    for image in product([0, 1], repeat=4):
        probability = np.prod([p if pixel else 1 - p for pixel, p in zip(image, x, strict=True)])
        mean += probability * sum(np.log(w if pixel else 1 - w) for pixel, w in zip(image, white, strict=True))
    np.testing.assert_allclose(bernoulli(params, jnp.array(x))(z), mean, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.system("gen.vae")
def test_learns_digits(key):
    from sklearn.neighbors import KNeighborsClassifier

    run_key, test_key, weight_key, sample_key = jax.random.split(key, 4)
    (x, y), (x_test, _) = digits()
    x_test = x_test[:120]
    method = vae(Config(latent=4, hidden=(64, 64), learning_rate=4e-3))
    state, _ = train(run_key, method, epochs(x, 128), 800)
    measured = evaluate(test_key, method, state, epochs(x_test, 120), 1)

    white = x.mean(0).clip(1e-3, 1 - 1e-3)
    factorised = (x_test * np.log(white) + (1 - x_test) * np.log(1 - white)).sum(1).mean()
    assert factorised + 1 < measured["elbo"] < log_likelihood(weight_key, state, jnp.array(x_test), 500).mean()
    assert measured["rate"] > 1
    assert measured["elbo"] == pytest.approx(-measured["rate"] - measured["distortion"], rel=1e-5)

    error = lambda image: np.square(image - x_test).sum(1).mean()
    assert error(reconstruct(state, jnp.array(x_test))) < error(x.mean(0)) / 2

    classifier = KNeighborsClassifier(10).fit(x, y)
    samples = np.asarray(method.sample(sample_key, state, 500))
    assert classifier.predict_proba(samples).max(1).mean() > 0.8
    assert (np.bincount(classifier.predict(samples), minlength=10) > 5).all()
