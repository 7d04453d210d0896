import jax.numpy as jnp
import numpy as np

from jaxicon.data.topics import purity, topics


def test_a_sentence_is_about_one_topic():
    text, topic = topics()
    found = topic[text]
    assert [set(row) - {-1} for row in found if len(set(row) - {-1}) > 1] == []
    assert abs((found >= 0).mean() - 0.12) < 0.01
    counts = np.bincount(text.ravel(), minlength=len(topic))
    assert np.bincount(topic + 1).tolist() == [50] + 20 * [25]
    shared, own = np.sort(counts[topic < 0])[::-1], counts[topic >= 0]
    harmonic = (1 / np.arange(1, 51)).sum()
    np.testing.assert_allclose(shared[:3] / shared.sum(), 1 / np.arange(1, 4) / harmonic, rtol=0.05)
    assert 1 <= own.min() < own.max() < shared.min()
    assert abs(own.var() / own.mean() - 1) < 0.25  # as of words drawn evenly
    np.testing.assert_array_equal(topics().text, text)


def test_purity_is_the_share_of_neighbours_of_the_same_topic():
    topic = jnp.array([0, 0, 1, -1])
    near = jnp.array([[1, 3], [2, 3], [3, 3], [3, 3]])
    np.testing.assert_allclose(purity(near, topic), (1 / 2 + 0 + 0) / 3, rtol=1e-6)
    assert purity(jnp.array([[1], [0], [2], [0]]), topic) == 1
