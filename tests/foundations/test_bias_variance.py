"""Bias and variance against their closed forms for ridge, sums in NumPy, and a perceptron written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.foundations.bias_variance import (
    Config,
    bias_variance,
    decomposition,
    polynomial_ridge,
    resample,
    tanh_network,
)

POINTS, NOISE = np.linspace(-1, 1, 7), 0.3


def f(x):
    return jnp.sin(jnp.pi * x)


def sample(key, x=np.linspace(-0.95, 0.95, 15)):
    """The inputs never change, so that expectations over data sets are those over the noise."""
    x = jnp.asarray(x)
    return x, f(x) + NOISE * jax.random.normal(key, x.shape)


def study(degree, count=50, penalty=0.1):
    points = jnp.asarray(POINTS)
    return bias_variance(Config(count), sample, polynomial_ridge(points, degree, penalty), f(points))


def example():
    return study(2, count=4), nothing


def closed_form(degree, penalty=0.1):
    """Ridge is linear in y, f_D = S y: bias^2 = (S f(x) - f)^2 and variance = noise^2 sum_j S_ij^2, by NumPy."""
    legendre = np.polynomial.legendre.legvander
    x, at = legendre(np.linspace(-0.95, 0.95, 15), degree), legendre(POINTS, degree)
    smoother = at @ np.linalg.inv(x.T @ x + penalty * np.eye(degree + 1)) @ x.T
    bias = smoother @ np.sin(np.pi * np.linspace(-0.95, 0.95, 15)) - np.sin(np.pi * POINTS)
    return bias**2, NOISE**2 * (smoother**2).sum(1)


@pytest.mark.system("found.bias_variance")
@pytest.mark.parametrize("degree", [0, 3, 8])
def test_parts_approach_their_closed_forms_and_add_up(x64, key, degree):
    """20,000 data sets; a mean has the deviation sqrt(variance / n), a variance sqrt(2 / n) of itself."""
    state, _ = train(key, study(degree, count=500), steps=40)
    parts = {name: np.asarray(part) for name, part in decomposition(state, f(jnp.asarray(POINTS))).items()}
    bias2, variance = closed_form(degree)
    bias = np.sign(np.asarray(state.mean) - np.sin(np.pi * POINTS)) * np.sqrt(parts["bias2"])
    assert state.count == 20_000
    assert (abs(abs(bias) - np.sqrt(bias2)) < 4.5 * np.sqrt(variance / 20_000)).all()
    np.testing.assert_allclose(parts["variance"], variance, rtol=0.05)
    slack = 4.5 * np.sqrt((2 * variance**2 + 4 * bias2 * variance) / 20_000)
    assert (
        abs(parts["error"] - bias2 - variance) < slack
    ).all()  # the error itself, against the sum of the closed forms


@pytest.mark.system("found.bias_variance")
def test_high_degrees_vary_and_low_ones_are_biased(x64, key):
    def parts(degree):
        state, _ = train(jax.random.clone(key), study(degree, count=100, penalty=1e-6), steps=2)
        return {name: float(part.mean()) for name, part in decomposition(state, f(jnp.asarray(POINTS))).items()}

    low, right, high = parts(0), parts(3), parts(10)
    assert high["variance"] > 3 * low["variance"]
    assert low["bias2"] > 10 * high["bias2"]
    assert right["error"] < min(low["error"], high["error"])


@pytest.mark.system("found.bias_variance")
def test_the_cross_term_is_zero_in_expectation_only(x64, key):
    """For one data set it is far from zero; over data sets drawn apart from the mean, it falls as 1 / sqrt(n)."""
    points = jnp.asarray(POINTS)
    fit = polynomial_ridge(points, 1, 0.1)
    first, second = (np.asarray(resample(k, sample, fit, 4000)) for k in jax.random.split(key))
    bias = first.mean(0) - np.sin(np.pi * POINTS)
    terms = 2 * ((second - first.mean(0)) * bias).sum(1)
    assert abs(terms).max() > 0.3
    assert abs(terms.mean()) < 5 * terms.std() / np.sqrt(4000)


@pytest.mark.system("found.bias_variance")
def test_merged_steps_are_the_statistics_of_all_predictions(x64, key):
    """Three steps, their predictions drawn again and put in one table; large means do not swallow small deviations."""
    sample = lambda key: jax.random.normal(key, (4,))
    fit = lambda key, data: 1e6 + data + 0.1 * jax.random.normal(key, data.shape)
    method = bias_variance(Config(8), sample, fit, jnp.full(4, 1e6))
    keys = jax.random.split(key, 3)
    state = method.init(jax.random.key(1), None)
    for k in keys:
        state, metrics = method.step(k, state, None)
    table = np.concatenate([resample(jax.random.clone(k), sample, fit, 8) for k in keys])
    np.testing.assert_allclose(state.mean, table.mean(0), rtol=1e-14)
    np.testing.assert_allclose(state.deviations, ((table - table.mean(0)) ** 2).sum(0), rtol=1e-6)
    assert metrics["error"] == pytest.approx(((table - 1e6) ** 2).mean(), rel=1e-6)
    assert metrics["variance"] == pytest.approx(table.var(0).mean(), rel=1e-6)
    assert metrics["bias2"] == pytest.approx(((table.mean(0) - 1e6) ** 2).mean(), rel=1e-6)
    assert metrics["gap"] < 1e-6


def test_a_data_set_is_drawn_and_fitted_with_keys_of_its_own(key):
    drawn = resample(
        key, lambda key: jax.random.uniform(key), lambda key, data: jnp.stack([data, jax.random.uniform(key)]), 50
    )
    assert len({*np.asarray(drawn).ravel().tolist()}) == 100


@pytest.mark.system("found.bias_variance")
def test_a_tanh_network_is_adam_on_mean_squares_written_out(x64, key):
    """Three steps on a 1-2-1 network by hand, from the start that zero steps show."""
    x, y = np.array([-0.5, 0.2, 0.9]), np.array([1.0, -1.0, 0.5])
    data = jnp.asarray(x), jnp.asarray(y)
    from jaxicon.nn.mlp import mlp

    layers = mlp(2, 1).init(jax.random.clone(key), data[0][:, None])["params"]
    p = [np.asarray(layers[f"Dense_{i}"][name]) for i in range(2) for name in ("kernel", "bias")]
    m, v = [0 * a for a in p], [0 * a for a in p]
    for t in (1, 2, 3):
        h = np.tanh(x[:, None] @ p[0] + p[1])
        residual = 2 * ((h @ p[2] + p[3])[:, 0] - y)[:, None] / 3
        back = residual @ p[2].T * (1 - h**2)
        for i, g in enumerate((x[None] @ back, back.sum(0), h.T @ residual, residual.sum(0))):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
            p[i] = p[i] - 0.1 * (m[i] / (1 - 0.9**t)) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
    by_hand = (np.tanh(POINTS[:, None] @ p[0] + p[1]) @ p[2] + p[3])[:, 0]
    ours = tanh_network(jnp.asarray(POINTS), (2,), 0.1, 3)(key, data)
    np.testing.assert_allclose(ours, by_hand, atol=1e-7)


def test_bad_input_is_named():
    with pytest.raises(ConfigError, match="bias_variance: count is 0"):
        study(1, count=0)
