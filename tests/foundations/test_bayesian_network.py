"""Mean-field inference against the closed form of linear-Gaussian regression, and against HMC and Laplace there."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import train
from jaxicon.core.stream import resident, synthetic
from jaxicon.foundations.bayesian_network import (
    Config,
    bayesian_network,
    divergence,
    draw,
    elbo,
    forward,
    log_likelihood,
    log_prior,
)
from jaxicon.ops.hmc import chain
from jaxicon.ops.laplace import curvature, gauss_newton, log_evidence

NOISE, PRIOR, COUNT = 0.5, 2.0, 12
LINEAR = Config(hidden=(), noise_std=NOISE, prior_std=PRIOR)


def example():
    def sample(key):
        x = jax.random.normal(key, (8, 2))
        return x, x[:, :1] * x[:, 1:]

    return bayesian_network(Config(hidden=(4,), samples=3, draws=5), outputs=1, examples=100), synthetic(sample)


class Exact:
    """Regression of y on two correlated inputs and a constant: everything in closed form."""

    def __init__(self):
        random = np.random.default_rng(0)
        x = random.normal(size=(COUNT, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]]) + np.array([[0.5, 0.0]])
        self.x, self.y = x, x @ np.array([[1.0], [-2.0]]) + 0.3 + NOISE * random.normal(size=(COUNT, 1))
        design = np.hstack([np.ones((COUNT, 1)), self.x])  # raveled parameters: bias, then kernel
        self.precision = design.T @ design / NOISE**2 + np.eye(3) / PRIOR**2
        self.mean = np.linalg.solve(self.precision, design.T @ self.y[:, 0] / NOISE**2)
        self.covariance = np.linalg.inv(self.precision)
        marginal = NOISE**2 * np.eye(COUNT) + PRIOR**2 * design @ design.T
        self.log_evidence = multivariate_normal(np.zeros(COUNT), marginal).logpdf(self.y[:, 0])
        self.std = np.diag(self.precision) ** -0.5  # of the best independent Gaussians
        self.gap = (np.log(np.diag(self.precision)).sum() - np.linalg.slogdet(self.precision)[1]) / 2


def tree(flat):
    return {"params": {"Dense_0": {"bias": flat[:1], "kernel": flat[1:].reshape(2, 1)}}}


@pytest.fixture
def exact(x64):
    return Exact()


@pytest.fixture
def bound(exact):
    """The ELBO as a function of (mean, log std) [6]: noise in the six points sqrt(3) * +-e_i has the moments of N(0, I)
    that a quadratic log-likelihood asks for, so that the mean over it is exact."""
    points = jnp.sqrt(3.0) * jnp.concatenate([jnp.eye(3), -jnp.eye(3)])
    whole = lambda w: log_likelihood(tree(w), jnp.array(exact.x), jnp.array(exact.y), NOISE).sum()
    return lambda z: elbo({"mean": z[:3], "log_std": z[3:]}, points, whole, PRIOR)


def log_joint(exact):
    x, y = jnp.array(exact.x), jnp.array(exact.y)
    return lambda w: log_likelihood(tree(w), x, y, NOISE).sum() + log_prior(tree(w), PRIOR)


@pytest.mark.system("found.bayesian_nn")
def test_the_mean_field_optimum_has_the_exact_mean_and_the_diagonal_of_the_precision(exact, bound):
    value = jax.jit(jax.value_and_grad(lambda z: -bound(z)))
    found = minimize(lambda z: tuple(map(np.asarray, value(z))), np.zeros(6), jac=True, method="BFGS", tol=1e-9)
    np.testing.assert_allclose(found.x[:3], exact.mean, atol=1e-6)
    np.testing.assert_allclose(np.exp(found.x[3:]), exact.std, rtol=1e-6)
    assert (exact.std < 0.95 * np.sqrt(np.diag(exact.covariance))).any()  # narrower than the marginals


@pytest.mark.system("found.bayesian_nn")
def test_the_gap_to_the_log_evidence_is_the_divergence_from_the_posterior(exact, bound):
    best = jnp.concatenate([jnp.array(exact.mean), jnp.log(exact.std)])
    assert exact.gap > 0.1
    assert exact.log_evidence - bound(best) == pytest.approx(exact.gap, abs=1e-9)
    for seed in range(20):
        z = np.random.default_rng(seed).normal(size=6)
        offset, variance = z[:3] - exact.mean, np.diag(np.exp(2 * z[3:]))
        trace = np.trace(exact.precision @ variance) + offset @ exact.precision @ offset - 3
        kl = (trace - 2 * z[3:].sum() - np.linalg.slogdet(exact.precision)[1]) / 2
        assert exact.log_evidence - bound(jnp.array(z)) == pytest.approx(kl, rel=1e-9)


@pytest.mark.system("found.bayesian_nn")
def test_training_on_minibatches_ends_there(exact, key):
    """Batches of a third of the data: the divergence must count once for all of them, not once a batch."""
    stream, state = resident((exact.x, exact.y), COUNT // 3), None
    for rate in (3e-2, 3e-3):
        method = bayesian_network(replace(LINEAR, learning_rate=rate), 1, COUNT)
        state, _ = train(jax.random.clone(key), method, stream, 1000, state=state)
    mean, std = ravel_pytree(state.params["mean"])[0], jnp.exp(ravel_pytree(state.params["log_std"])[0])
    np.testing.assert_allclose(mean, exact.mean, atol=0.5 * exact.std.max())
    np.testing.assert_allclose(std, exact.std, rtol=0.1)


@pytest.mark.system("found.bayesian_nn")
def test_the_prior_alone_returns_the_prior(key, x64):
    """Without data, that is with noise beyond all measure, q goes to p(w) and the divergence to 0."""
    config = Config(hidden=(3,), prior_std=0.7, noise_std=1e6, learning_rate=2e-2, samples=2)
    batch = np.ones((4, 2)), np.ones((4, 1))
    state, history = train(key, bayesian_network(config, 1, 4), resident(batch, 4), 1000)
    for leaf in jax.tree.leaves(state.params["log_std"]):
        np.testing.assert_allclose(jnp.exp(leaf), 0.7, rtol=1e-3)
    assert history["kl"][-1] < 1e-5
    np.testing.assert_allclose(ravel_pytree(state.params["mean"])[0], 0, atol=1e-3)


def test_divergence_and_prior_against_scipy(key, x64):
    w = {"a": jnp.array([[0.3, -1.0]]), "b": jnp.array([2.0])}
    expected = norm.logpdf([0.3, -1.0, 2.0], 0, 1.7).sum()
    assert log_prior(w, 1.7) == pytest.approx(expected, abs=1e-12)
    q = {"mean": w, "log_std": jax.tree.map(lambda m: -0.3 + 0 * m, w)}
    drawn = np.concatenate([x.reshape(100_000, -1) for x in jax.tree.leaves(draw(key, q, 100_000))], axis=1)
    ratio = (norm.logpdf(drawn, [0.3, -1.0, 2.0], np.exp(-0.3)) - norm.logpdf(drawn, 0, 1.7)).sum(1)
    assert divergence(q, 1.7) == pytest.approx(ratio.mean(), abs=4.5 * ratio.std() / np.sqrt(100_000))


def test_outputs_and_likelihood_written_out(key, x64):
    method, _ = example()
    batch = jax.random.normal(jax.random.key(1), (5, 2)), jnp.linspace(-1, 1, 5)[:, None]
    state = method.init(key, batch)
    one, two = (jax.tree.map(np.asarray, state.params["mean"]["params"][f"Dense_{i}"]) for i in range(2))
    x = np.asarray(batch[0])
    outputs = np.tanh(x @ one["kernel"] + one["bias"]) @ two["kernel"] + two["bias"]
    np.testing.assert_allclose(method.predict(state, batch[0]), outputs, atol=1e-12)
    found = log_likelihood(state.params["mean"], *batch, 0.3)
    np.testing.assert_allclose(found, norm.logpdf(batch[1], outputs, 0.3)[:, 0], atol=1e-12)


@pytest.mark.slow
@pytest.mark.system("found.bayesian_nn")
def test_laplace_and_hamiltonian_monte_carlo_find_the_exact_posterior(exact, key):
    """Laplace's is exact here; of HMC the mean and the covariance of many chains, to Monte-Carlo error."""
    joint = log_joint(exact)
    precision = curvature(joint, jnp.array(exact.mean))
    np.testing.assert_allclose(precision, exact.precision, rtol=1e-10)
    assert log_evidence(joint(jnp.array(exact.mean)), precision) == pytest.approx(exact.log_evidence, abs=1e-9)

    run = lambda k: chain(k, joint, jnp.zeros(3), 0.12, 12, 40)
    positions, acceptance = jax.jit(jax.vmap(run))(jax.random.split(key, 2000))
    drawn, deviation = np.asarray(positions)[:, -1], np.sqrt(np.diag(exact.covariance))
    assert acceptance.mean() > 0.8
    assert (abs(drawn.mean(0) - exact.mean) < 4.5 * deviation / np.sqrt(2000)).all()
    spread = np.sqrt((np.outer(deviation, deviation) ** 2 + exact.covariance**2) / 2000)
    assert (abs(np.cov(drawn, rowvar=False) - exact.covariance) < 4.5 * spread).all()


@pytest.mark.slow
@pytest.mark.system("found.bayesian_nn")
def test_the_posterior_of_a_network_with_much_data_is_laplaces(key, x64):
    """Two hidden units and 2,000 examples: one narrow mode (its mirror images are out of reach), so HMC's standard
    deviations of the outputs are those of the linearised network."""
    x = jax.random.uniform(jax.random.key(1), (2000, 1), minval=-4, maxval=4)
    truth = ravel_pytree(forward_tree())[0]
    y = forward(forward_tree(), x) + 0.1 * jax.random.normal(jax.random.key(2), x.shape)
    unravel = ravel_pytree(forward_tree())[1]
    joint = lambda w: log_likelihood(unravel(w), x, y, 0.1).sum() + log_prior(unravel(w), 2.0)
    mode = jnp.array(minimize(lambda w: -joint(w), truth, jac=jax.grad(lambda w: -joint(w)), method="BFGS").x)
    loss = lambda f: ((y[:, 0] - f) ** 2).sum() / (2 * 0.1**2)
    precision = gauss_newton(lambda w: forward(unravel(w), x)[:, 0], loss, mode) + jnp.eye(7) / 4
    root = np.linalg.inv(np.linalg.cholesky(precision)).T
    whitened = lambda z: joint(mode + jnp.array(root) @ z)
    positions, acceptance = jax.jit(lambda k: chain(k, whitened, jnp.zeros(7), 0.3, 5, 4000))(key)
    drawn = np.asarray(positions)[500:]
    assert acceptance.mean() > 0.8
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.3)
    np.testing.assert_allclose(drawn.std(0), 1, rtol=0.15)


def forward_tree():
    one = {"kernel": jnp.array([[2.0, 1.5]]), "bias": jnp.array([3.0, -3.0])}
    two = {"kernel": jnp.array([[1.5], [-1.0]]), "bias": jnp.array([0.2])}
    return {"params": {"Dense_0": one, "Dense_1": two}}


@pytest.mark.system("found.bayesian_nn")
def test_predictions_are_less_certain_away_from_the_data(exact, key):
    """By linear regression: the variance of x w + b under independent weights is x^2 var(w) + var(b)."""
    q = {"mean": tree(jnp.array(exact.mean)), "log_std": tree(jnp.log(exact.std))}
    x = jnp.array([[0.0, 0.0], [2.0, 1.0], [8.0, -4.0]])
    outputs = np.asarray(jax.vmap(lambda w: forward(w, x))(draw(key, q, 20_000)))[..., 0]
    variance = np.hstack([np.ones((3, 1)), np.asarray(x) ** 2]) @ exact.std**2
    np.testing.assert_allclose(outputs.var(0), variance, rtol=4.5 * np.sqrt(2 / 20_000))
    assert (np.diff(outputs.std(0)) > 0).all()


@pytest.mark.parametrize("field", ["prior_std", "noise_std", "initial_std", "learning_rate", "samples", "draws"])
def test_numbers_that_cannot_be(field):
    with pytest.raises(ConfigError, match=f"bayesian_network: {field} is 0; expected a finite number above 0"):
        bayesian_network(Config(**{field: 0}), 1, 10)


def test_data_that_cannot_be(key):
    with pytest.raises(ConfigError, match="examples is 0"):
        bayesian_network(Config(), 1, 0)
    with pytest.raises(DataError, match=r"bayesian_network: y has shape \(4,\); expected 2 axes"):
        bayesian_network(Config(), 1, 10).init(key, (np.ones((4, 2)), np.ones(4)))
