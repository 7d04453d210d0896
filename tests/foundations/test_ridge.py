"""Ridge regression, risk and priors against NumPy, SciPy's densities and optimiser, and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.foundations.ridge import (
    empirical_risk,
    gaussian_risk,
    l2,
    most_probable,
    negative_log_posterior,
    polynomial,
    ridge,
)


@pytest.fixture
def data(x64):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(30, 4))
    return jnp.asarray(x), jnp.asarray(x @ [1.0, -2.0, 0.0, 0.5] + 0.3 * draw.normal(size=30))


def squared(w, x, y):
    return (y - x @ w) ** 2


@pytest.mark.system("found.empirical_risk")
def test_empirical_risk_is_a_mean_over_examples(data):
    w = np.array([0.5, 1.0, -1.0, 2.0])
    x, y = map(np.asarray, data)
    losses = [(y[i] - sum(x[i, j] * w[j] for j in range(4))) ** 2 for i in range(30)]
    assert empirical_risk(squared, jnp.asarray(w), *data) == pytest.approx(sum(losses) / 30, rel=1e-12)


@pytest.mark.system("found.empirical_risk")
def test_empirical_risk_approaches_the_risk_at_the_rate_one_over_root_n(x64):
    """y - w x is N(0, R), R = noise^2 + |w - truth|^2: a mean of n squares has the deviation R sqrt(2 / n) about R."""
    w, truth, noise, repeats = jnp.array([0.5, -1.0, 2.0]), jnp.array([1.0, -1.0, 1.0]), 0.5, 400
    risk = gaussian_risk(w, truth, noise)
    assert risk == pytest.approx(0.25 + 0.25 + 0.0 + 1.0, rel=1e-12)

    def deviation(key, n):
        x_key, noise_key = jax.random.split(key)
        x = jax.random.normal(x_key, (n, 3))
        return empirical_risk(squared, w, x, x @ truth + noise * jax.random.normal(noise_key, (n,))) - risk

    for n in (25, 400):
        gaps = jax.vmap(lambda key, n=n: deviation(key, n))(jax.random.split(jax.random.key(n), repeats))
        rate = 1.5 * np.sqrt(2 / n)
        assert abs(gaps.mean()) < 4 * rate / np.sqrt(repeats)
        assert float(gaps.std()) == pytest.approx(rate, rel=0.2)  # a rate of 1 / n would be off by a factor of 4


@pytest.mark.system("found.empirical_risk")
def test_fitting_makes_the_empirical_risk_smaller_than_the_risk(x64):
    """Over-fitted with n = 6 examples for 5 weights, nearly right with n = 5000."""
    truth, noise = jnp.ones(5), 1.0

    def both(key, n):
        x_key, noise_key = jax.random.split(key)
        x = jax.random.normal(x_key, (n, 5))
        y = x @ truth + noise * jax.random.normal(noise_key, (n,))
        w = ridge(x, y, 0.0)
        return empirical_risk(squared, w, x, y), gaussian_risk(w, truth, noise)

    few, many = both(jax.random.key(0), 6), both(jax.random.key(1), 5000)
    assert few[0] < 0.5 < 1.0 < few[1]
    assert many == pytest.approx((1.0, 1.0), abs=0.1)


@pytest.mark.system("reg.l2")
@pytest.mark.parametrize("penalty", [0.0, 0.7, 30.0])
def test_weights_minimise_the_penalised_squares(data, penalty):
    x, y = map(np.asarray, data)
    stacked = np.vstack([x, np.sqrt(penalty) * np.eye(4)]), np.append(y, np.zeros(4))  # the same as plain least squares
    np.testing.assert_allclose(ridge(*data, penalty), np.linalg.lstsq(*stacked)[0], atol=1e-10)
    both = ridge(data[0], jnp.stack([data[1], 2 * data[1]], axis=1), penalty)
    np.testing.assert_allclose(both, np.stack([np.linalg.lstsq(*stacked)[0]] * 2, 1) * [1, 2], atol=1e-10)


@pytest.mark.system("reg.l2")
def test_gradient_descent_on_the_penalised_loss_ends_at_the_closed_form(data):
    x, y = data
    loss = lambda w: ((y - x @ w) ** 2).sum() + 5.0 * l2(w)
    w = jax.lax.fori_loop(0, 2000, lambda _, w: w - 5e-3 * jax.grad(loss)(w), jnp.zeros(4))
    np.testing.assert_allclose(w, ridge(x, y, 5.0), atol=1e-10)
    shrunk = [float(jnp.linalg.norm(ridge(x, y, penalty))) for penalty in (0.0, 5.0, 50.0)]
    assert shrunk == sorted(shrunk, reverse=True)
    assert (np.asarray(ridge(x, y, 50.0)) != 0).all()  # shrunk, not set to zero


def test_l2_is_the_sum_of_the_squares_of_all_leaves():
    assert l2({"a": jnp.array([1.0, -2.0]), "b": [jnp.array([[3.0]])]}) == 14.0


def penalised(data, optimizer, penalty, steps=20):
    """Weights after steps on mean squares + penalty * l2."""
    x, y = data
    loss = lambda w: ((y - x @ w) ** 2).mean() + penalty * l2(w)
    w = jnp.ones(4)
    opt_state = optimizer.init(w)
    for _ in range(steps):
        updates, opt_state = optimizer.update(jax.grad(loss)(w), opt_state)
        w = optax.apply_updates(w, updates)
    return np.asarray(w)


def decayed(data, rule, learning_rate, penalty, steps=20):
    """In NumPy: first the weights shrink by 1 - 2 learning_rate penalty, then comes the rule's step on the squares."""
    x, y = map(np.asarray, data)
    w, m, v = np.ones(4), np.zeros(4), np.zeros(4)
    for t in range(1, steps + 1):
        g = -2 * x.T @ (y - x @ w) / len(y)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        adam = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        w = (1 - 2 * learning_rate * penalty) * w - learning_rate * (adam if rule == "adam" else g)
    return w


@pytest.mark.system("reg.l2")
def test_a_penalty_is_weight_decay_under_gradient_descent_and_not_under_adam(data):
    penalty, rate = 0.3, 0.05
    by_descent = penalised(data, optax.sgd(rate), penalty)
    np.testing.assert_allclose(by_descent, decayed(data, "descent", rate, penalty), atol=1e-12)
    without = penalised(data, optax.adam(rate), 0.0)
    np.testing.assert_allclose(without, decayed(data, "adam", rate, 0.0), atol=1e-7)  # the two Adams agree,
    by_adam = penalised(data, optax.adam(rate), penalty)
    assert abs(by_adam - decayed(data, "adam", rate, penalty)).max() > 0.05  # but not with a penalty


@pytest.mark.system("found.map_gaussian_prior")
def test_posterior_is_the_product_of_likelihood_and_prior(data):
    w, noise, prior = np.array([0.5, 1.0, -1.0, 2.0]), 0.4, 1.5
    x, y = map(np.asarray, data)
    expected = -stats.norm(x @ w, noise).logpdf(y).sum() - stats.norm(0, prior).logpdf(w).sum()
    assert negative_log_posterior(jnp.asarray(w), *data, noise, prior) == pytest.approx(expected, rel=1e-12)


@pytest.mark.system("found.map_gaussian_prior")
def test_lambda_is_one_over_twice_the_variance_of_the_prior_with_a_plus(data):
    """What the prior adds between two weight vectors is +lambda times the difference of their squared lengths."""
    wide, narrow, w, prior = 1e6, 0.8, jnp.array([0.5, 1.0, -1.0, 2.0]), jnp.zeros(4)
    rise = lambda std: negative_log_posterior(w, *data, 0.4, std) - negative_log_posterior(prior, *data, 0.4, std)
    assert rise(narrow) - rise(wide) == pytest.approx(float(l2(w)) / (2 * narrow**2), rel=1e-6)


@pytest.mark.system("found.map_gaussian_prior")
def test_most_probable_weights_are_those_of_ridge(data):
    """SciPy minimises SciPy's densities; scikit-learn's penalty is noise^2 / prior^2."""
    noise, prior = 0.4, 0.7
    x, y = map(np.asarray, data)
    lost = lambda w: -stats.norm(x @ w, noise).logpdf(y).sum() - stats.norm(0, prior).logpdf(w).sum()
    ours = most_probable(*data, noise, prior)
    np.testing.assert_allclose(ours, minimize(lost, np.zeros(4), tol=1e-10).x, atol=1e-5)
    np.testing.assert_allclose(ours, np.linalg.inv(x.T @ x + noise**2 / prior**2 * np.eye(4)) @ x.T @ y, atol=1e-10)
    theirs = Ridge(alpha=noise**2 / prior**2, fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(ours, theirs.coef_, atol=1e-10)


@pytest.mark.parametrize("degree", [0, 1, 2, 7])
def test_polynomials_are_legendres(x64, degree):
    x = jnp.linspace(-1, 1, 9)
    np.testing.assert_allclose(polynomial(x, degree), np.polynomial.legendre.legvander(x, degree), atol=1e-14)


def test_an_unpenalised_polynomial_is_that_of_numpy(x64):
    x = np.linspace(-1, 1, 12)
    y = np.exp(x) + 0.1 * np.cos(9 * x)
    ours = polynomial(jnp.asarray(x), 5) @ ridge(polynomial(jnp.asarray(x), 5), jnp.asarray(y), 0.0)
    np.testing.assert_allclose(ours, np.polyval(np.polyfit(x, y, 5), x), atol=1e-10)


def test_many_penalties_in_one_program(data):
    penalties = jnp.array([0.1, 1.0, 10.0])
    path = jax.jit(jax.vmap(lambda penalty: ridge(*data, penalty)))(penalties)
    x, y = map(np.asarray, data)
    for penalty, w in zip((0.1, 1.0, 10.0), path, strict=True):
        np.testing.assert_allclose(w, Ridge(alpha=penalty, fit_intercept=False).fit(x, y).coef_, atol=1e-10)


def test_bad_input_is_named():
    with pytest.raises(DataError, match="ridge: x has shape"):
        ridge(jnp.ones((0, 2)), jnp.ones(0), 1.0)
    with pytest.raises(ConfigError, match="ridge: penalty is -1.0"):
        ridge(jnp.ones((3, 2)), jnp.ones(3), -1.0)
    with pytest.raises(ConfigError, match="most_probable: prior is 0.0"):
        most_probable(jnp.ones((3, 2)), jnp.ones(3), 1.0, 0.0)
