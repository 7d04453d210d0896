import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2_contingency, kstest

from jaxicon.ops.information import conditional_dependence, markov_property


@pytest.mark.system("rl.markov_property_test")
def test_information_is_a_sum_of_logarithms_and_p_that_of_scipy(x64):
    counts = np.random.default_rng(0).integers(1, 9, (1, 3, 4)).astype(float)
    found = conditional_dependence(jnp.asarray(counts))
    theirs = chi2_contingency(counts[0], correction=False, lambda_="log-likelihood")
    np.testing.assert_allclose(found.p_value, theirs.pvalue, rtol=1e-10)
    assert found.freedom == theirs.dof == 6
    joint = counts[0] / counts.sum()
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    np.testing.assert_allclose(found.information, (joint * np.log(joint / independent)).sum(), rtol=1e-12)


@pytest.mark.system("rl.markov_property_test")
def test_conditions_add_up_and_what_was_never_seen_has_no_say(x64):
    random = np.random.default_rng(1)
    counts = np.zeros((4, 3, 3))
    counts[0], counts[1, :2, 1:] = random.integers(1, 9, (3, 3)), random.integers(1, 9, (2, 2))
    counts[2, 1, 1] = 7  # one value only
    found = conditional_dependence(jnp.asarray(counts))
    tests = [chi2_contingency(t, correction=False, lambda_="log-likelihood") for t in (counts[0], counts[1, :2, 1:])]
    np.testing.assert_allclose(found.information, sum(t.statistic for t in tests) / 2 / counts.sum(), rtol=1e-12)
    assert found.freedom == sum(t.dof for t in tests) == 5
    nothing = conditional_dependence(jnp.asarray(counts[2:]))
    assert (nothing.information, nothing.freedom, nothing.p_value) == (0, 0, 1)


@pytest.mark.system("rl.markov_property_test")
def test_under_independence_p_values_are_uniform_and_under_dependence_none_is_large(key):
    """Given Z, X and Y are independent, though each depends on it; then Y follows X one time in five."""

    def once(key):
        z_key, x_key, y_key, key = jax.random.split(key, 4)
        z = jax.random.bernoulli(z_key, 0.5, (2000,)).astype(int)
        x = (jax.random.uniform(x_key, z.shape) < 0.3 + 0.4 * z).astype(int)
        y = (jax.random.uniform(y_key, z.shape) < 0.7 - 0.4 * z).astype(int)
        linked = jnp.where(jax.random.uniform(key, z.shape) < 0.2, x, y)
        count = lambda y: jnp.zeros((2, 2, 2)).at[z, x, y].add(1)
        return conditional_dependence(count(y)).p_value, conditional_dependence(count(linked)).p_value

    independent, dependent = jax.jit(jax.vmap(once))(jax.random.split(key, 300))
    assert kstest(np.asarray(independent), "uniform").pvalue > 1e-3
    assert dependent.max() < 1e-3


@pytest.mark.system("rl.markov_property_test")
def test_triples_across_the_end_of_an_episode_do_not_count(x64):
    """Four walks that end in state 2. Within them, each state has one state before it: there is nothing to ask.

    Across their ends, state 1 would come after 0 or 2 and be followed by 2 or 3, and state 2 after 1 or 3, by 0 or 1.
    """
    state = jnp.array([0, 1, 2, 1, 3, 2, 0, 1, 3, 2, 1, 2, 0])
    over = jnp.zeros(12, bool).at[jnp.array([2, 5, 9, 11])].set(True)
    found = markov_property(state, jnp.zeros(12, int), over, 4, 1)
    assert (found.information, found.freedom, found.p_value) == (0, 0, 1)
    assert markov_property(state, jnp.zeros(12, int), jnp.zeros(12, bool), 4, 1).freedom == 2


@pytest.mark.system("rl.markov_property_test")
def test_what_the_action_explains_is_no_memory(x64):
    """Each action leads to its own state, and actions come in pairs: only who does not see them finds that the past
    tells more, ln 2 in the long run."""
    action = jnp.tile(jnp.array([0, 0, 1, 1]), 100)
    state, never = jnp.concatenate([jnp.zeros(1, int), action]), jnp.zeros(400, bool)
    np.testing.assert_allclose(markov_property(state, action, never, 2, 2).information, 0, atol=1e-12)
    blind = markov_property(state, jnp.zeros(400, int), never, 2, 1)
    np.testing.assert_allclose(blind.information, np.log(2), atol=0.02)
