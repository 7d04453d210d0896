"""NT-Xent against a classification written out in a loop, and what the temperature does to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import entr, logsumexp, softmax

from jaxicon.ops.contrastive import cosines, nt_xent, pair_logits, retrieval

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 16, 12))


def by_classification(a, b, temperature):
    """Every view names its partner among the 2n - 1 others; views are visited source by source, not a before b."""
    views = [v / np.sqrt(v @ v) for pair in zip(a, b, strict=True) for v in pair]
    total = 0.0
    for i, anchor in enumerate(views):
        partner = i ^ 1
        others = [j for j in range(len(views)) if j != i]
        scores = np.array([anchor @ views[j] / temperature for j in others])
        total += logsumexp(scores) - scores[others.index(partner)]
    return total / len(views)


@pytest.mark.system("repr.simclr")
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_is_a_classification_of_the_partner_among_all_others(x64, temperature):
    ours = nt_xent(jnp.asarray(A), jnp.asarray(B), temperature)
    np.testing.assert_allclose(ours, by_classification(A, B, temperature), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.system("repr.simclr")
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_gradient_is_that_of_the_classification(x64, temperature):
    a, b = A[:5, :3], B[:5, :3]
    ours = jax.grad(nt_xent, (0, 1))(jnp.asarray(a), jnp.asarray(b), temperature)
    loss = lambda flat: by_classification(*flat.reshape(2, 5, 3), temperature)
    steps = 1e-5 * np.eye(30)
    flat = np.stack([a, b]).ravel()
    central = np.array([(loss(flat + step) - loss(flat - step)) / 2e-5 for step in steps])
    np.testing.assert_allclose(np.stack(ours).ravel(), central, atol=1e-8)
    assert abs(central).max() > 0.1


@pytest.mark.system("repr.simclr")
def test_views_of_no_relation_cost_the_logarithm_of_their_number(x64):
    """All equally near: exactly log(2n - 1). At random in many dimensions: nearly so."""
    same = jnp.ones((8, 3))
    np.testing.assert_allclose(nt_xent(same, 2 * same, 0.5), np.log(15), rtol=1e-12)
    many = jnp.asarray(RNG.normal(size=(2, 32, 4000)))
    assert nt_xent(*many, 0.5) == pytest.approx(np.log(63), abs=0.02)


@pytest.mark.system("repr.temperature_experiment")
def test_temperature_takes_the_softmax_from_the_nearest_view_to_all_of_them(x64):
    def entropy(temperature):
        logits, _ = pair_logits(jnp.asarray(A), jnp.asarray(B), temperature)
        return entr(softmax(np.asarray(logits), axis=1)).sum(1)

    entropies = np.array([entropy(t) for t in np.geomspace(1e-6, 1e4, 21)])
    assert (np.diff(entropies, axis=0) >= -1e-12).all()
    assert (np.diff(entropies[:, 0]) > 1e-9).any()
    np.testing.assert_allclose(entropies[0], 0, atol=1e-6)
    np.testing.assert_allclose(entropies[-1], np.log(31), rtol=1e-6)


def test_a_row_of_zeros_has_cosine_and_gradient_zero(x64):
    z = jnp.array([[0.0, 0], [3, 4], [4, 3]])
    np.testing.assert_allclose(cosines(z), [[0, 0, 0], [0, 1, 24 / 25], [0, 24 / 25, 1]], atol=1e-15)
    gradient = jax.grad(lambda z: (cosines(z) * jnp.arange(9.0).reshape(3, 3)).sum())(z)
    assert np.isfinite(gradient).all()


def test_retrieval_counts_views_whose_nearest_other_is_their_partner():
    a, b = jnp.eye(4), jnp.eye(4).at[3].set(jnp.array([1.0, 0.1, 0, 0]))  # b[3] went over to source 0
    assert retrieval(a, b) == 6 / 8
