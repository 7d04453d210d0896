import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import mean_return
from jaxicon.ops.search import (
    Gaussian,
    Rule,
    cem,
    centred_ranks,
    covariance_adaptation,
    cross_entropy,
    drawn,
    evolution_strategy,
    refit,
    smoothed,
    smoothed_gradient,
)


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


# Rules, told one generation after the other

RULES = {
    "cem": (cross_entropy(0.25), 2.0),
    "es": (evolution_strategy(0.05), 0.3),
    "cma_es": (covariance_adaptation(), 0.3),
}


@pytest.mark.system("rl.es")
def test_the_estimate_is_the_gradient_of_the_smoothed_score_of_a_quadratic(x64):
    """f = x^T A x + b^T x: the gradient of E f(m + s e) is (A + A^T) m + b. Mirrored noise along an orthogonal frame
    of length sqrt(d) has the mean and the covariance of N(0, I), so that the estimate is exact."""
    rng = np.random.default_rng(0)
    a, b, mean, std = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4), 0.7
    frame = np.linalg.qr(rng.normal(size=(4, 4)))[0] * 2
    samples = mean + std * np.concatenate([frame, -frame])
    scores = np.einsum("ni,ij,nj->n", samples, a, samples) + samples @ b
    found = smoothed_gradient(*map(jnp.asarray, (mean, std, samples, scores)))
    np.testing.assert_allclose(found, (a + a.T) @ mean + b, rtol=1e-12)


@pytest.mark.system("rl.es")
def test_a_step_follows_the_ranks_of_mirrored_pairs(key, x64):
    """Adam's first step has the length of the rate, to the side on which the score rises; ranks see no scale."""
    rule = evolution_strategy(0.1)
    search = rule.begin(jnp.array([1.0, -2.0]), 0.3)
    samples = rule.ask(key, search, 400)
    np.testing.assert_allclose(samples[:200] + samples[200:], 2 * np.array([[1.0, -2.0]] * 200), rtol=1e-12)
    np.testing.assert_allclose(np.std(samples, 0), 0.3, rtol=0.15)
    slope = samples @ jnp.array([5.0, -0.5])
    for scores in (slope, jnp.exp(slope), 1e9 * slope):
        after = rule.tell(search, samples, scores)
        np.testing.assert_allclose(after.mean, [1.1, -2.1], rtol=1e-6)
    np.testing.assert_allclose(centred_ranks(jnp.array([3.0, -jnp.inf, 10.0])), [0, -0.5, 0.5])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_the_top_of_a_hill_and_does_not_mind_holes(name, key, x64):
    rule, std = RULES[name]
    assert isinstance(rule, Rule)
    top = jnp.array([1.0, -0.5, 0.3])
    score = lambda x: jnp.where(x[0] > 1.4, jnp.nan, -((x - top) ** 2).sum())

    def improve(t, search):
        samples = rule.ask(jax.random.fold_in(key, t), search, 40)
        return rule.tell(search, samples, jax.vmap(score)(samples))

    found = jax.jit(lambda: jax.lax.fori_loop(0, 120, improve, rule.begin(jnp.zeros(3), std)))()
    np.testing.assert_allclose(found.mean, top, atol=0.05)


def test_the_cross_entropy_rule_is_a_step_of_the_method(key, x64):
    rule = cross_entropy(0.25, smoothing=0.3)
    search = rule.begin(jnp.array([1.0, 2.0]), 0.5)
    samples = drawn(jax.random.clone(key), search, 8)
    np.testing.assert_array_equal(rule.ask(key, search, 8), samples)
    wanted = smoothed(search, refit(samples, samples.sum(1), 2), 0.3)
    jax.tree.map(np.testing.assert_array_equal, rule.tell(search, samples, samples.sum(1)), wanted)
    np.testing.assert_allclose(wanted.mean, 0.3 * search.mean + 0.7 * samples[np.argsort(samples.sum(1))[-2:]].mean(0))
