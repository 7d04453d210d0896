import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog, minimize_scalar
from scipy.stats import norm

from jaxicon.ops.risk import cvar, entropic_risk, tail, value_at_risk

SYSTEM = pytest.mark.system("rl.real_risk")
LEVELS = [0.05, 0.3, 0.5, 0.9, 1.0]


def lottery(seed: int, n: int = 12):
    random = np.random.default_rng(seed)
    return random.normal(size=n).round(1), random.dirichlet(np.ones(n))


@SYSTEM
@pytest.mark.parametrize("level", LEVELS)
def test_cvar_is_the_worst_reweighting_by_linear_programming(x64, level):
    """min_q q z over distributions q <= p / level: the dual of Rockafellar & Uryasev, by SciPy."""
    for seed in range(4):
        z, p = lottery(seed)
        worst = linprog(z, A_eq=np.ones((1, z.size)), b_eq=[1], bounds=[(0, limit) for limit in p / level])
        np.testing.assert_allclose(cvar(jnp.array(z), level, jnp.array(p)), worst.fun, rtol=1e-9)


@SYSTEM
@pytest.mark.parametrize("level", LEVELS)
def test_value_at_risk_is_the_quantile_and_maximises_the_other_form_of_cvar(x64, level):
    for seed in range(4):
        z, p = lottery(seed)
        quantile = min(v for v in z if p[z <= v].sum() >= level - 1e-12)
        assert value_at_risk(jnp.array(z), level, jnp.array(p)) == quantile
        score = lambda v, z=z, p=p: v - p @ np.maximum(v - z, 0) / level
        np.testing.assert_allclose(score(quantile), max(map(score, z)), atol=1e-12)
        np.testing.assert_allclose(cvar(jnp.array(z), level, jnp.array(p)), score(quantile), atol=1e-12)
        sorted_z, mass = tail(jnp.array(z), level, jnp.array(p))
        np.testing.assert_allclose(mass.sum(), level, rtol=1e-12)
        assert (np.diff(sorted_z) >= 0).all()


@SYSTEM
def test_of_samples_a_quarter_of_the_worst_is_averaged(x64):
    z = jnp.array([3.0, -1.0, 7.0, 0.0, 2.0, -5.0, 4.0, 1.0, 9.0, 6.0])
    np.testing.assert_allclose(value_at_risk(z, 0.2), -1)
    np.testing.assert_allclose(cvar(z, 0.2), -3)
    np.testing.assert_allclose(value_at_risk(z, 0.25), 0)
    np.testing.assert_allclose(cvar(z, 0.25), (-5 - 1 + 0 / 2) / 2.5)
    np.testing.assert_allclose(cvar(z, 1.0), z.mean())


@SYSTEM
def test_of_a_gaussian_they_have_closed_forms(x64):
    """On its 20,000 quantiles: mean - std phi(q) / level, and mean - aversion std^2 / 2."""
    z = 1.5 + 2.0 * jnp.array(norm.ppf((np.arange(20_000) + 0.5) / 20_000))
    for level in (0.1, 0.5):
        q = norm.ppf(level)
        np.testing.assert_allclose(value_at_risk(z, level), 1.5 + 2 * q, atol=1e-3)
        np.testing.assert_allclose(cvar(z, level), 1.5 - 2 * norm.pdf(q) / level, atol=2e-3)
    np.testing.assert_allclose(entropic_risk(z, 0.7), 1.5 - 0.7 * 4 / 2, atol=5e-3)


@SYSTEM
def test_entropic_risk_runs_from_the_mean_to_the_worst_case(x64):
    z, p = map(jnp.array, lottery(3))
    for aversion in (0.5, 2.0):
        np.testing.assert_allclose(
            entropic_risk(z, aversion, p), -np.log(p @ np.exp(-aversion * z)) / aversion, rtol=1e-12
        )
    np.testing.assert_allclose(entropic_risk(z, 1e-6, p), p @ z, atol=1e-5)
    np.testing.assert_allclose(entropic_risk(z, 1e4, p), z.min(), atol=1e-3)
    np.testing.assert_allclose(entropic_risk(z, 1.0), -np.log(np.exp(-z).mean()), rtol=1e-12)
    # Donsker & Varadhan: the least, over reweightings q, of their mean plus KL(q || p) / aversion.
    tilt = lambda c: p * np.exp(-c * z) / (p @ np.exp(-c * z))
    score = lambda c: tilt(c) @ z + (tilt(c) * np.log(tilt(c) / p)).sum() / 2.0
    found = minimize_scalar(score, bounds=(0, 9), method="bounded")
    np.testing.assert_allclose(found.x, 2.0, atol=1e-3)
    np.testing.assert_allclose(entropic_risk(z, 2.0, p), found.fun, rtol=1e-8)


@SYSTEM
def test_the_derivative_of_cvar_reaches_the_tail_alone(x64):
    """By differences of linear programs whose total probability stays 1."""
    z, p = lottery(5)
    level, gradient = 0.3, np.asarray(jax.grad(lambda p: cvar(jnp.array(z), 0.3, p))(jnp.array(p)))
    quantile = float(value_at_risk(jnp.array(z), level, jnp.array(p)))
    np.testing.assert_allclose(gradient - gradient[z.argmax()], np.minimum(z - quantile, 0) / level, atol=1e-9)
