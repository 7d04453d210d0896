import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.ops.action_noise import following, gaussian, ornstein_uhlenbeck, perturbed

THETA, SIGMA = 0.7, 0.4


def simulated(key, noise, steps: int, copies: int) -> np.ndarray:
    """[steps, copies] from 0."""
    normals = jax.random.normal(key, (steps, copies))
    advance = lambda x, normal: (following(noise, x, normal),) * 2
    return np.asarray(jax.lax.scan(advance, jnp.zeros(copies), normals)[1])


@pytest.mark.system("rl.ou_noise")
@pytest.mark.parametrize("seconds", [0.01, 0.5, 2.0])
def test_variance_and_correlation_are_those_of_the_process_at_any_step(seconds, x64):
    """Those of the chain by its own closed form: scale^2 / (1 - decay^2), and decay^k after k steps."""
    noise = ornstein_uhlenbeck(THETA, SIGMA, seconds)
    np.testing.assert_allclose(noise.scale**2 / (1 - noise.decay**2), SIGMA**2 / (2 * THETA), rtol=1e-12)
    np.testing.assert_allclose(noise.decay ** np.arange(5), np.exp(-THETA * seconds * np.arange(5)), rtol=1e-12)


@pytest.mark.system("rl.ou_noise")
def test_one_long_step_is_the_limit_of_many_small_ones_of_euler(x64):
    """After t from 0, Euler's steps of t / n have mean (1 - theta t / n)^n x and a geometric sum for the variance."""
    n, t = 1_000_000, 1.5
    decay = 1 - THETA * t / n
    noise = ornstein_uhlenbeck(THETA, SIGMA, t)
    np.testing.assert_allclose(noise.decay, decay**n, rtol=1e-5)
    np.testing.assert_allclose(noise.scale**2, SIGMA**2 * t / n * (1 - decay ** (2 * n)) / (1 - decay**2), rtol=1e-5)


@pytest.mark.system("rl.ou_noise")
def test_drawn_noise_has_the_stationary_variance_and_forgets_at_the_rate_theta(x64, key):
    steps, copies, seconds = 40, 40_000, 0.5
    x = simulated(key, ornstein_uhlenbeck(THETA, SIGMA, seconds), steps, copies)
    wanted = SIGMA**2 / (2 * THETA)
    np.testing.assert_allclose(x[-1].var(), wanted, rtol=5 * (2 / copies) ** 0.5)
    for lag in (1, 3, 6):
        got = np.corrcoef(x[-1], x[-1 - lag])[0, 1]
        np.testing.assert_allclose(got, np.exp(-THETA * seconds * lag), atol=5 / copies**0.5)
    first = SIGMA**2 * (1 - np.exp(-2 * THETA * seconds)) / (2 * THETA)  # it starts at 0
    np.testing.assert_allclose(x[0].var(), first, rtol=5 * (2 / copies) ** 0.5)


@pytest.mark.system("rl.gaussian_noise")
def test_gaussian_noise_is_independent_with_its_mean_and_std(x64, key):
    x = simulated(key, gaussian(0.3), 4, 20_000)
    assert stats.kstest(x.ravel(), stats.norm(0, 0.3).cdf).pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(x), np.eye(4), atol=5 / 20_000**0.5)
    np.testing.assert_allclose([x.mean(), x.std()], [0, 0.3], atol=0.3 * 5 / 80_000**0.5)


@pytest.mark.system("rl.gaussian_noise")
def test_actions_with_noise_are_cut_to_their_bounds(key):
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 4.0])
    noise = simulated(key, gaussian(3.0), 1, 2000).reshape(1000, 2)
    action = np.tile(np.float32([0.5, 1.0]), (1000, 1))
    bounds = (jnp.tile(jnp.asarray(bound, float), (1000, 1)) for bound in (low, high))
    got = np.asarray(perturbed(jnp.asarray(action), jnp.asarray(noise), *bounds))
    np.testing.assert_allclose(got, np.minimum(np.maximum(action + noise, low), high), rtol=1e-6)
    assert (got == low).any(0).all()
    assert (got == high).any(0).all()
