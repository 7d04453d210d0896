import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm
from scipy import stats
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from jaxicon.ops.divergences import categorical_kl, gaussian_kl, jensen_shannon, kl


@pytest.mark.parametrize(("mean", "std", "other_mean", "other_std"), [(0.7, 0.4, 0, 1), (-1.2, 2.0, 0.5, 0.8)])
def test_gaussian_kl_is_the_integral(x64, mean, std, other_mean, other_std):
    p, q = stats.norm(mean, std), stats.norm(other_mean, other_std)
    integral, _ = quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), mean - 12 * std, mean + 12 * std)
    ours = gaussian_kl(*(jnp.array([x]) for x in (mean, np.log(std), float(other_mean), np.log(other_std))))
    np.testing.assert_allclose(ours, integral, rtol=1e-8)


def test_gaussian_kl_is_the_mean_log_ratio_to_the_prior(x64, key):
    mean, std = jnp.array([0.3, -1.0, 2.0]), jnp.array([0.5, 1.5, 0.1])
    z = mean[None] + std[None] * jax.random.normal(key, (200_000, 3))
    ratio = (norm.logpdf(z, mean[None], std[None]) - norm.logpdf(z)).sum(1)
    error = ratio.std() / np.sqrt(len(ratio))
    assert abs(gaussian_kl(mean, jnp.log(std)) - ratio.mean()) < 4 * error < 0.05


def test_discrete_divergences_are_those_of_scipy(x64):
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.3, 0.6])
    np.testing.assert_allclose(kl(jnp.array(p), jnp.array(q)), stats.entropy(p, q), rtol=1e-12)
    np.testing.assert_allclose(jensen_shannon(jnp.array(p), jnp.array(q)), jensenshannon(p, q) ** 2, rtol=1e-12)
    assert kl(jnp.array(q), jnp.array(p)) == np.inf
    one, other = np.random.default_rng(0).normal(scale=3, size=(2, 4, 3))
    wanted = stats.entropy(softmax(one, 1), softmax(other, 1), axis=1)
    np.testing.assert_allclose(categorical_kl(jnp.array(one), jnp.array(other)), wanted, rtol=1e-12)
