import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from jaxicon.ops.diffusion import (
    added,
    cosine,
    denoise,
    diffuse,
    linear,
    posterior_mean,
    posterior_variance,
    spread,
)


def test_the_linear_schedule_is_the_papers(x64):
    """Its section 4: betas from 1e-4 to 0.02 in 1,000 equal steps, and a KL of 1e-5 bits a dimension to the prior."""
    alpha_bar, share = np.asarray(linear(1000)), 1.0
    for t in range(1, 1001):
        share *= 1 - (1e-4 + (t - 1) / 999 * (0.02 - 1e-4))
        np.testing.assert_allclose(alpha_bar[t], share, rtol=1e-10)
    assert alpha_bar[0] == 1
    assert np.log(share) == pytest.approx(-10.12, abs=0.01)
    for steps in (10, 100):
        assert np.log(linear(steps)[-1]) == pytest.approx(-10.12, abs=0.01)  # as much noise in fewer steps


def test_the_cosine_schedule_is_the_papers(x64):
    alpha_bar, t = np.asarray(cosine(500)), np.arange(500)
    exact = (np.cos((t / 500 + 0.008) / 1.008 * np.pi / 2) / np.cos(0.008 / 1.008 * np.pi / 2)) ** 2
    np.testing.assert_allclose(alpha_bar[:-1], exact, rtol=1e-9)
    np.testing.assert_allclose(alpha_bar[-1] / alpha_bar[-2], 0.001, rtol=1e-9)


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_many_small_steps_are_one_long_one(x64, schedule):
    alpha_bar, scale, variance = schedule(60), 1.0, 0.0
    for t in range(1, 61):
        beta = added(alpha_bar, t - 1, t)
        scale, variance = scale * np.sqrt(1 - beta), variance * (1 - beta) + beta
        np.testing.assert_allclose(diffuse(alpha_bar, t, jnp.array([2.0]), jnp.array([0.0])), 2 * scale, rtol=1e-12)
        np.testing.assert_allclose(diffuse(alpha_bar, t, jnp.array([0.0]), jnp.array([1.0])) ** 2, variance, rtol=1e-9)


def test_denoising_undoes_diffusion(x64):
    alpha_bar, x0, noise = linear(1000), jnp.array([0.3, -2.0]), jnp.array([1.1, 0.4])
    for t in (1, 10, 500, 1000):
        x = diffuse(alpha_bar, t, x0, noise)
        np.testing.assert_allclose(denoise(alpha_bar, t, x, noise), x0, rtol=1e-10)


@pytest.mark.system("gen.ddpm_posterior")
@pytest.mark.parametrize(("s", "t"), [(1, 2), (49, 50), (99, 100), (10, 60), (3, 100)])
def test_the_posterior_is_bayes_rule(x64, s, t):
    """p(x_s | x_t, x_0) on a grid: prior q(x_s | x_0) times likelihood q(x_t | x_s), normalised by summing."""
    alpha_bar, x0, x = linear(100), 0.7, -0.4
    share = np.asarray(alpha_bar)
    grid = np.linspace(-6, 6, 200_001)
    prior = norm.pdf(grid, np.sqrt(share[s]) * x0, np.sqrt(1 - share[s]))
    density = prior * norm.pdf(x, np.sqrt(share[t] / share[s]) * grid, np.sqrt(1 - share[t] / share[s]))
    density /= density.sum()
    mean = density @ grid
    np.testing.assert_allclose(posterior_mean(alpha_bar, s, t, jnp.array(x0), jnp.array(x)), mean, rtol=1e-9)
    np.testing.assert_allclose(posterior_variance(alpha_bar, s, t), density @ (grid - mean) ** 2, rtol=1e-8)


@pytest.mark.system("gen.ddpm_posterior")
def test_at_the_end_nothing_is_left_to_guess(x64):
    alpha_bar, x0 = linear(100), jnp.array([0.7])
    assert posterior_variance(alpha_bar, 0, 1) == 0
    np.testing.assert_allclose(posterior_mean(alpha_bar, 0, 1, x0, jnp.array([5.0])), x0, rtol=1e-12)


def test_times_are_spread_from_nothing_to_all():
    np.testing.assert_array_equal(spread(10, 10), np.arange(11))
    np.testing.assert_array_equal(spread(1000, 4), [0, 250, 500, 750, 1000])
    assert (np.diff(spread(1000, 300)) >= 3).all()
    with pytest.raises(ValueError, match="11 times"):
        spread(10, 11)
