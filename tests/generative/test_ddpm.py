import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.generative.ddpm import Config, ancestral, bound, ddpm, noise_loss, predictor, reverse, schedule
from jaxicon.nn.time_mlp import time_mlp
from jaxicon.ops.diffusion import linear


def example():
    points = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    return ddpm(Config(times=8, averaging=0.9), time_mlp(8, 1)), epochs(points, 4)


MEAN = np.array([1.0, -0.5, 0.0])
COVARIANCE = np.array([[0.5, 0.3, 0.0], [0.3, 1.0, -0.4], [0.0, -0.4, 1.5]])


def exact(alpha_bar, mean=MEAN, covariance=COVARIANCE):
    """The noise expected in x_t where the data are N(mean, covariance): regression of one Gaussian on another."""
    std2, basis = np.linalg.eigh(covariance)

    def predict(x, t):
        share = alpha_bar[t][:, None]
        variance = share * jnp.asarray(std2)[None] + 1 - share
        return jnp.sqrt(1 - share) * ((x - jnp.sqrt(share) * mean[None]) @ basis / variance) @ basis.T

    return predict


def transitions(predict, alpha_bar, size):
    """x_(t-1) = a x_t + c + b z for t = 1 .. T, read off `reverse`, whose mean is affine here."""
    points = jnp.concatenate([jnp.zeros((1, size)), jnp.eye(size)])
    times = jnp.arange(1, alpha_bar.shape[0])
    mean, std = jax.jit(jax.vmap(lambda t: reverse(predict, alpha_bar, t, points)))(times)
    return np.asarray(mean[:, 1:] - mean[:, :1]).transpose(0, 2, 1), np.asarray(mean[:, 0]), np.asarray(std)


def moments(a, c, b):
    """Mean and covariance of x_0 by the recursion over the steps, from x_T ~ N(0, I)."""
    mean, covariance = np.zeros(c.shape[1]), np.eye(c.shape[1])
    for t in reversed(range(len(a))):
        mean, covariance = a[t] @ mean + c[t], a[t] @ covariance @ a[t].T + b[t] ** 2 * np.eye(len(mean))
    return mean, covariance


@pytest.mark.system("gen.ddpm")
def test_with_the_exact_noise_sampling_recovers_mean_and_covariance(x64):
    """To 1.5 % in the paper's 1,000 steps, with an error in proportion to a step's length, so exactly in the end."""
    found = []
    for steps in (500, 1000, 2000):
        alpha_bar = linear(steps)
        mean, covariance = moments(*transitions(exact(alpha_bar), alpha_bar, 3))
        np.testing.assert_allclose(mean, MEAN, atol=1e-3)
        found.append(covariance)
    np.testing.assert_allclose(found[1], COVARIANCE, atol=0.015)
    errors = [np.linalg.norm(covariance - COVARIANCE) for covariance in found]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.1)
    np.testing.assert_allclose(2 * found[2] - found[1], COVARIANCE, atol=3e-4)


@pytest.mark.system("gen.ddpm")
def test_a_step_back_has_the_mean_of_the_data_diffused_so_far_and_the_posteriors_variance(x64):
    """E[x_(t-1) | x_t] by regression: Gaussian data are jointly Gaussian with what diffusion makes of them."""
    alpha_bar = linear(25)
    share = np.asarray(alpha_bar)
    a, c, b = transitions(exact(alpha_bar), alpha_bar, 3)
    covariance = share[:, None, None] * COVARIANCE + (1 - share)[:, None, None] * np.eye(3)
    keep = np.sqrt(share[1:] / share[:-1])[:, None, None]
    slope = keep * covariance[:-1] @ np.linalg.inv(covariance[1:])
    np.testing.assert_allclose(a, slope, atol=1e-10)
    mean = np.sqrt(share)[:, None] * MEAN
    np.testing.assert_allclose(c, mean[:-1] - np.einsum("tij,tj->ti", slope, mean[1:]), atol=1e-10)
    posterior = (1 - share[1:] / share[:-1]) * (1 - share[:-1]) / (1 - share[1:])
    np.testing.assert_allclose(b**2, posterior, rtol=1e-10, atol=1e-16)


@pytest.mark.system("gen.ddpm")
def test_the_sampler_is_the_chain_of_its_transitions(x64, key):
    alpha_bar, count = linear(25), 20_000
    x_key, step_key = jax.random.split(key)
    x = jax.random.normal(x_key, (count, 3))
    run = jax.jit(lambda key, x: ancestral(key, exact(alpha_bar), alpha_bar, jnp.arange(25, 0, -1), x))
    samples = np.asarray(run(step_key, x))
    mean, covariance = moments(*transitions(exact(alpha_bar), alpha_bar, 3))
    white = np.linalg.solve(np.linalg.cholesky(covariance), (samples - mean).T)
    assert (abs(white.mean(1)) < 4.5 / np.sqrt(count)).all()
    assert (abs(np.cov(white) - np.eye(3)) < 4.5 * np.sqrt(2 / count)).all()


@pytest.mark.system("gen.ddpm")
def test_the_loss_of_the_exact_noise_is_what_cannot_be_known_of_it(x64, key):
    """Var(noise | x_t), the mean over t = 1 .. T; any other prediction loses more."""
    alpha_bar = linear(10)
    data_key, loss_key = jax.random.split(key)
    x = MEAN[None] + jax.random.normal(data_key, (60_000, 3)) @ np.linalg.cholesky(COVARIANCE).T
    share, std2 = np.asarray(alpha_bar)[1:, None], np.linalg.eigvalsh(COVARIANCE)
    least = (share * std2 / (share * std2 + 1 - share)).mean()
    predict = exact(alpha_bar)
    loss = jax.jit(lambda key, scale: noise_loss(key, lambda x, t: scale * predict(x, t), alpha_bar, x)[0])
    assert float(loss(loss_key, 1.0)) == pytest.approx(least, abs=0.005)
    for scale in (0.8, 1.2):
        assert loss(jax.random.clone(loss_key), scale) > least + 0.01


class Chain:
    """A reverse chain with linear predictions that are not the best, in one dimension: all of it is Gaussian."""

    steps, x0 = 12, 0.8

    def __init__(self):
        self.alpha_bar = linear(self.steps)
        self.predict = exact(self.alpha_bar, np.array([0.3]), np.array([[0.36]]))
        self.a, self.c, _ = (x.reshape(self.steps) for x in transitions(self.predict, self.alpha_bar, 1))
        self.share = np.asarray(self.alpha_bar)
        self.variance = 1 - self.share[1:] / self.share[:-1]

    def elbo(self):
        """-E log p(x_0, .., x_T) - entropy of q(x_1, .., x_T | x_0), from the joint moments of two neighbours alone."""
        total = 0.0
        for t in range(1, self.steps + 1):
            keep = self.share[t] / self.share[t - 1]
            mean, var = np.sqrt(self.share[t - 1]) * self.x0, 1 - self.share[t - 1]
            residual_mean = mean - self.a[t - 1] * np.sqrt(keep) * mean - self.c[t - 1]
            residual_var = (1 - self.a[t - 1] * np.sqrt(keep)) ** 2 * var + self.a[t - 1] ** 2 * (1 - keep)
            log_p = -np.log(2 * np.pi * self.variance[t - 1]) / 2
            log_p -= (residual_mean**2 + residual_var) / (2 * self.variance[t - 1])
            total += -log_p - np.log(2 * np.pi * np.e * (1 - keep)) / 2
        second_moment = self.share[-1] * self.x0**2 + 1 - self.share[-1]
        return total + np.log(2 * np.pi) / 2 + second_moment / 2

    def negative_log_likelihood(self):
        mean, variance = moments(self.a[:, None, None], self.c[:, None], np.sqrt(self.variance))
        return -norm.logpdf(self.x0, mean[0], np.sqrt(variance[0, 0]))


@pytest.mark.system("gen.ddpm_vlb")
def test_the_terms_sum_to_the_bound_and_the_bound_is_above_the_negative_log_likelihood(x64):
    chain = Chain()
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)  # exact: every term is a polynomial of degree two
    one = lambda z: bound(jnp.full((chain.steps, 1), z), chain.predict, chain.alpha_bar, jnp.array([chain.x0]))
    terms = np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(nodes))).T @ (weights / weights.sum())
    np.testing.assert_allclose(terms.sum(), chain.elbo(), rtol=1e-10)
    assert terms.sum() > chain.negative_log_likelihood() + 0.02
    share, x0 = chain.share[-1], chain.x0
    prior = (share * x0**2 + (1 - share) - 1 - np.log(1 - share)) / 2
    np.testing.assert_allclose(terms[-1], prior, rtol=1e-10)
    assert (terms[1:] >= 0).all()


@pytest.mark.system("gen.ddpm_vlb")
def test_the_bound_of_the_exact_noise_closes_with_the_number_of_steps(x64):
    """For data N(mean, std^2) and the mean over them: from above to the entropy of the data."""
    mean, std = np.array([0.3]), np.array([0.6])
    entropy = np.log(2 * np.pi * np.e * std[0] ** 2) / 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = weights / weights.sum()
    gaps = []
    for steps in (50, 100, 200):
        alpha_bar = linear(steps)
        one = lambda z, x: bound(
            jnp.full((steps, 1), z), exact(alpha_bar, mean, np.diag(std**2)), alpha_bar, x[None]
        ).sum()
        both = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))
        gaps.append(weights @ np.asarray(both(jnp.asarray(nodes), jnp.asarray(mean + std * nodes))) @ weights - entropy)
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[2] < 0.35 * gaps[0]
    assert gaps[2] < 0.05, gaps


@pytest.mark.slow
def test_predicts_with_the_moving_average(x64, key):
    method, stream = example()
    one, _ = train(jax.random.clone(key), method, stream, 1)
    two, _ = train(jax.random.clone(key), method, stream, 2)
    for after, now, average in zip(*map(jax.tree.leaves, (two.extra, one.params, one.extra)), strict=False):
        if after.ndim > 1:
            np.testing.assert_allclose(after, 0.9 * average + 0.1 * now, rtol=1e-10)
    assert not np.allclose(two.params["params"]["Dense_0"]["kernel"], two.extra.params["params"]["Dense_0"]["kernel"])
    moved = two._replace(params=jax.tree.map(jnp.zeros_like, two.params))
    sample = jax.jit(lambda state: method.sample(jax.random.clone(key), state, 4))
    np.testing.assert_array_equal(sample(two), sample(moved))
    network, x, t = time_mlp(8, 1), jnp.ones((2, 3)), jnp.array([1, 7])
    np.testing.assert_array_equal(predictor(network, moved)(x, t), network.apply(two.extra.params, x, t))


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ConfigError, match="schedule is 'square'"):
        schedule(Config(schedule="square"))


def two_points(key):
    return jnp.where(jax.random.bernoulli(key, 0.3, (64, 1)), jnp.array([[1.0, 0.5]]), jnp.array([[-1.0, -0.5]]))


@pytest.mark.slow
@pytest.mark.system("gen.ddpm")
def test_learns_two_points_and_their_probabilities(key):
    run_key, test_key, sample_key = jax.random.split(key, 3)
    method = ddpm(Config(times=50, learning_rate=3e-3, averaging=0.99), time_mlp(32, 2))
    state, _ = train(run_key, method, synthetic(two_points), 700)
    assert evaluate(test_key, method, state, synthetic(two_points), 20)["loss"] < 0.15
    samples = np.asarray(jax.jit(method.sample, static_argnums=2)(sample_key, state, 1000))
    right = samples[:, 0] > 0
    assert right.mean() == pytest.approx(0.3, abs=0.08)
    centres = np.where(right[:, None], [[1, 0.5]], [[-1, -0.5]])
    assert np.median(abs(samples - centres)) < 0.05
