import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.ops.distributions import (
    categorical_entropy,
    categorical_log_prob,
    gaussian_entropy,
    gaussian_log_prob,
    mixture,
)

RANDOM = np.random.default_rng(0)


@pytest.mark.system("rl.gaussian_policy")
def test_the_gaussian_is_scipys(x64):
    mean, log_std, x = RANDOM.normal(size=(3, 5, 2))
    wanted = [stats.multivariate_normal(m, np.diag(np.exp(2 * s))) for m, s in zip(mean, log_std, strict=True)]
    got = gaussian_log_prob(jnp.asarray(mean), jnp.asarray(log_std), jnp.asarray(x))
    np.testing.assert_allclose(got, [w.logpdf(row) for w, row in zip(wanted, x, strict=True)], rtol=1e-12)
    np.testing.assert_allclose(gaussian_entropy(jnp.asarray(log_std)), [w.entropy() for w in wanted], rtol=1e-12)


def test_the_categorical_is_scipys(x64):
    logits, x = RANDOM.normal(size=(4, 3)), np.array([0, 2, 1, 2])
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    got = categorical_log_prob(jnp.asarray(logits), jnp.asarray(x))
    np.testing.assert_allclose(got, np.log(p[np.arange(4), x]), rtol=1e-12)
    np.testing.assert_allclose(categorical_entropy(jnp.asarray(logits)), stats.entropy(p, axis=-1), rtol=1e-12)


def test_what_cannot_happen_adds_no_entropy_and_no_gradient_that_is_not_a_number():
    logits = jnp.array([0.0, 0.0, -jnp.inf])
    np.testing.assert_allclose(categorical_entropy(logits), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(categorical_log_prob)(logits, jnp.int32(0)), [0.5, -0.5, 0], atol=1e-7)


@pytest.mark.parametrize("offset", [0.0, -1e3])
def test_a_mixture_has_the_mean_probability(x64, offset):
    """Also of probabilities that are no floats any more."""
    p = RANDOM.dirichlet(np.ones(4), size=(6, 5))
    found = mixture(jnp.asarray(np.log(p) + offset)) - offset
    np.testing.assert_allclose(np.exp(found), sum(p) / 6, rtol=1e-10)
