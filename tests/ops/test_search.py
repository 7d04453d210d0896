import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import mean_return
from jaxicon.ops.search import Gaussian, cem, refit


@pytest.mark.system("rl.cem")
def test_the_next_gaussian_has_mean_and_deviation_of_the_elite(x64):
    rng = np.random.default_rng(0)
    samples, scores = rng.normal(size=(20, 3, 2)), rng.normal(size=20)
    found = refit(jnp.asarray(samples), jnp.asarray(scores), 6)
    best = [samples[i] for i in sorted(range(20), key=lambda i: scores[i])[-6:]]
    np.testing.assert_allclose(found.mean, np.mean(best, 0), rtol=1e-12)
    np.testing.assert_allclose(found.std**2, np.mean((best - np.mean(best, 0)) ** 2, 0), rtol=1e-12)


UNIT = Gaussian(np.zeros(10), np.ones(10))


@pytest.mark.system("rl.cem")
def test_the_top_of_a_sphere_is_found_to_a_millionth(key, x64):
    top = jnp.linspace(-3, 3, 10)
    wide = Gaussian(UNIT.mean, 3 * UNIT.std)
    search = jax.jit(lambda key: cem(key, lambda x: -((x - top) ** 2).sum(), wide, 100, 200, 40).mean)
    assert max(jnp.linalg.norm(search(k) - top) for k in jax.random.split(key, 3)) < 1e-6


def test_smoothing_keeps_a_share_of_the_old(key, x64):
    run = lambda smoothing: cem(jax.random.clone(key), jnp.sum, UNIT, 1, 50, 10, smoothing=smoothing)
    for old, new, mixed in zip(UNIT, run(0.0), run(0.25), strict=True):
        np.testing.assert_allclose(mixed, 0.25 * old + 0.75 * new, rtol=1e-12)


def test_samples_keep_to_the_bounds_and_no_number_is_worse_than_any(key, x64):
    """The best point within the bounds is their corner; outside the score is infinite, which counts for nothing."""
    bounded = lambda x: jnp.where((x >= -1).all() & (x <= 0.5).all(), x.sum(), jnp.inf)
    search = jax.jit(lambda key: cem(key, bounded, UNIT, 60, 100, 20, -1.0, 0.5, 0.5))
    np.testing.assert_allclose(search(jax.random.clone(key)).mean, 0.5, atol=1e-4)
    hole = lambda x: jnp.where(x.sum() > 0, jnp.nan, x.sum())
    assert jax.jit(lambda key: cem(key, hole, UNIT, 5, 50, 10))(key).mean.sum() < 0


@pytest.mark.system("rl.cem")
def test_a_linear_policy_balances_the_pole(key):
    """Four weights; every sample plays from the same three starts, what it has learned from fifty others."""
    env = cartpole()
    policy = lambda weights: lambda key, obs: (obs @ weights > 0).astype(int)

    @jax.jit
    def run(key):
        start_key, search_key, test_key = jax.random.split(key, 3)
        score = lambda weights: mean_return(jax.random.clone(start_key), env, policy(weights), 3)
        found = cem(search_key, score, Gaussian(jnp.zeros(4), jnp.ones(4)), 8, 40, 8).mean
        return mean_return(test_key, env, policy(found), 50)

    assert [float(run(k)) for k in jax.random.split(key, 3)] == [500] * 3
