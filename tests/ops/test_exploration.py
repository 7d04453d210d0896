import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.ops.exploration import draw, epsilon_greedy, epsilon_others, greedy, harmonic_decay, linear_decay


def test_ties_share_the_greedy_probability():
    np.testing.assert_allclose(greedy(jnp.array([1.0, 3.0, 3.0, -2.0])), [0, 0.5, 0.5, 0])
    np.testing.assert_allclose(greedy(jnp.zeros(4)), np.full(4, 0.25))


@pytest.mark.system("rl.explore_eps_greedy")
def test_the_two_conventions_have_their_exact_frequencies(x64):
    values = jnp.array([0.0, 5.0, 1.0, 2.0])
    np.testing.assert_allclose(epsilon_greedy(values, 0.2), [0.05, 0.85, 0.05, 0.05], rtol=1e-12)
    np.testing.assert_allclose(epsilon_others(values, 0.2), [0.2 / 3, 0.8, 0.2 / 3, 0.2 / 3], rtol=1e-12)
    # Two tied actions: one of them is drawn, and is left with probability epsilon for one of the other three.
    tied = jnp.array([5.0, 5.0, 1.0, 2.0])
    np.testing.assert_allclose(epsilon_others(tied, 0.3), [0.4, 0.4, 0.1, 0.1], rtol=1e-12)
    np.testing.assert_allclose(epsilon_greedy(values, 0.3), epsilon_others(values, 0.3 * 3 / 4), rtol=1e-12)


@pytest.mark.system("rl.explore_eps_greedy")
def test_actions_are_drawn_with_these_frequencies(x64, key):
    for policy in (epsilon_greedy, epsilon_others):
        probabilities = policy(jnp.array([0.0, 5.0, 1.0, 5.0]), 0.4)
        keys = jax.random.split(jax.random.clone(key), 20_000)
        counts = np.bincount(jax.vmap(draw, (0, None))(keys, probabilities), minlength=4)
        assert chisquare(counts, 20_000 * np.asarray(probabilities, float)).pvalue > 1e-3


def test_an_impossible_index_is_never_drawn(key):
    probabilities = jnp.array([0.0, 0.3, 0.0, 0.7, 0.0])
    drawn = jax.vmap(draw, (0, None))(jax.random.split(key, 50_000), probabilities)
    assert set(np.unique(drawn)) == {1, 3}


@pytest.mark.system("rl.explore_decay")
def test_schedules_pass_through_their_points(x64):
    t = jnp.array([0, 25, 50, 100, 1000])
    np.testing.assert_allclose(linear_decay(t, 1.0, 0.2, 100.0), [1, 0.8, 0.6, 0.2, 0.2], rtol=1e-12)
    np.testing.assert_allclose(harmonic_decay(t, 0.8, 50.0), [0.8, 0.8 / 1.5, 0.4, 0.8 / 3, 0.8 / 21], rtol=1e-12)
    np.testing.assert_allclose(harmonic_decay(t, 0.8, float("inf")), np.full(5, 0.8), rtol=1e-12)


@pytest.mark.system("rl.explore_decay")
def test_the_harmonic_sum_diverges_and_that_of_its_squares_does_not(x64):
    from scipy.special import digamma, polygamma

    pace = 10.0
    epsilon = np.asarray(harmonic_decay(jnp.arange(200_000), 1.0, pace))
    assert epsilon[-1] < 1e-4
    for n in (200, 2_000, 200_000):  # grows like pace * log n for ever
        np.testing.assert_allclose(epsilon[:n].sum(), pace * (digamma(n + pace) - digamma(pace)), rtol=1e-9)
    np.testing.assert_allclose((epsilon**2).sum(), pace**2 * polygamma(1, pace), rtol=1e-3)
