import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxicon.ops.squashed import log_slope, squashed_gaussian


@pytest.mark.system("rl.sac")
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.8, 0.3), (-1.5, 0.7)])
def test_the_density_is_the_derivative_of_the_probability_and_integrates_to_one(mean, std, x64):
    """P(tanh(u) <= a) = Phi((artanh(a) - mean) / std), differentiated numerically; the integral is SciPy's."""
    probability = lambda a: stats.norm(mean, std).cdf(np.arctanh(a))
    noise = np.linspace(-2, 2, 9)
    action, log_prob = squashed_gaussian(
        *(jnp.full((9, 1), x) for x in (mean, np.log(std))), jnp.asarray(noise)[:, None]
    )
    a, h = np.asarray(action)[:, 0], 1e-6
    np.testing.assert_allclose(np.exp(log_prob), (probability(a + h) - probability(a - h)) / (2 * h), rtol=1e-6)
    noise = np.linspace(-10, 10, 4001)
    a, log_prob = squashed_gaussian(*(jnp.full((4001, 1), x) for x in (mean, np.log(std))), jnp.asarray(noise)[:, None])
    slope = std * (1 - np.asarray(a)[:, 0] ** 2)  # da / dn
    np.testing.assert_allclose(integrate.simpson(np.exp(log_prob) * slope, x=noise), 1, rtol=1e-9)


@pytest.mark.system("rl.sac")
def test_nothing_is_lost_where_tanh_rounds_to_one(x64):
    u = np.array([-400.0, -30.0, -1.0, 0.0, 0.3, 5.0, 25.0, 700.0])
    wanted = np.log(4) - 2 * abs(u) - 2 * np.log1p(np.exp(-2 * abs(u)))  # log of 4 / (e^u + e^-u)^2
    np.testing.assert_allclose(log_slope(jnp.asarray(u)), wanted, rtol=1e-13, atol=1e-15)
    slopes = jax.vmap(jax.grad(lambda u: log_slope(u[None])[0]))(jnp.asarray(u))
    np.testing.assert_allclose(slopes, -2 * np.tanh(u), rtol=1e-12)


def test_the_log_probability_of_two_coordinates_is_the_sum_of_theirs(x64, key):
    mean, log_std, noise = jax.random.normal(key, (3, 4, 2))
    _, both = squashed_gaussian(mean, log_std, noise)
    apart = [squashed_gaussian(*(x[:, i : i + 1] for x in (mean, log_std, noise)))[1] for i in (0, 1)]
    np.testing.assert_allclose(both, sum(apart), rtol=1e-12)
