from functools import partial
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.data.topics import purity, topics
from jaxicon.language.word2vec import Config, Embedding, gradient, kept, loss, nearest, neighbours, word2vec


def example():
    text = np.random.default_rng(0).integers(-1, 6, (10, 5)).astype(np.int32)
    return word2vec(Config(features=4, pairs=8), np.full(6, 7), 10), epochs(text, 4)


def written(v, u):
    """(1) as the notes have it, for a matrix of contexts whose first row is the neighbour."""
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    return -np.log(sigmoid(u[0] @ v)) - sum(np.log(sigmoid(-w @ v)) for w in u[1:])


@pytest.mark.system("lang.word2vec_negative_sampling")
def test_the_gradient_by_hand_is_that_of_the_written_loss(x64):
    random = np.random.default_rng(0)
    for _ in range(5):
        v, u = random.normal(size=6), random.normal(size=(4, 6))
        np.testing.assert_allclose(loss(jnp.array(v), jnp.array(u)), written(v, u), rtol=1e-13)
        ours, exact = gradient(jnp.array(v), jnp.array(u)), jax.grad(loss, (0, 1))(jnp.array(v), jnp.array(u))
        for a, b in zip(ours, exact, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-13)


@pytest.mark.slow
@pytest.mark.system("lang.word2vec_negative_sampling")
def test_a_step_is_descent_on_the_sum_of_the_losses(x64, key):
    """Also where words occur several times among the pairs, which is where a scatter may lose some."""
    init_key, step_key = jax.random.split(key)
    config, counts, steps = Config(features=3, pairs=64, negatives=2, threshold=1.0), np.array([9, 5, 3, 1]), 10
    text = jnp.array([[0, 1, 2, 0, -1], [3, 0, 1, 0, 0]])
    method = word2vec(config, counts, steps)
    state = method.init(init_key, text)
    noise = jax.random.normal(jax.random.key(1), (2, 4, 3))
    state = Embedding(*noise, jnp.asarray(4))
    drawn = {}

    def total(state):
        pair_key, noise_key = jax.random.split(jax.random.clone(step_key))
        c, o, counted = neighbours(pair_key, text, jnp.ones(4), 5, 64)
        cdf = np.cumsum(counts**0.75) / (counts**0.75).sum()
        w = jnp.searchsorted(jnp.asarray(cdf), jax.random.uniform(noise_key, (64, 2)))
        drawn.update(counted=counted)
        rows = jnp.concatenate([o[:, None], w], axis=1)
        one = lambda c, rows: loss(state.centre[c], state.context[rows])
        return (jax.vmap(one)(c, rows) * counted).sum()

    slope = jax.grad(lambda tables: total(Embedding(*tables, state.t)))((state.centre, state.context))
    after, metrics = jax.jit(method.step)(step_key, state, text)
    rate = 0.025 * (1 - 4 / steps)
    np.testing.assert_allclose(after.centre, state.centre - rate * slope[0], rtol=1e-12)
    np.testing.assert_allclose(after.context, state.context - rate * slope[1], rtol=1e-12)
    assert 0 < drawn["counted"].sum() < 64
    np.testing.assert_allclose(metrics["loss"], total(state) / drawn["counted"].sum(), rtol=1e-12)


@pytest.mark.system("lang.word2vec_negative_sampling")
def test_the_optimum_is_pointwise_mutual_information_less_log_k(x64):
    """(4): the expected loss, all pairs and all noise enumerated, has no slope there and does elsewhere."""
    random, k = np.random.default_rng(1), 3
    joint = random.uniform(0.2, 1, (4, 4))
    joint /= joint.sum()
    p_noise = np.array([0.4, 0.3, 0.2, 0.1])
    optimum = np.log(joint / (joint.sum(1, keepdims=True) * p_noise)) - np.log(k)

    c, o, w = (jnp.array(index) for index in zip(*product(range(4), repeat=3), strict=True))

    def expected(scores):  # k words of noise cost k times as much as one
        u = jnp.stack([scores[c, o], scores[c, w]], axis=1)[..., None]
        alone = jax.vmap(loss, (None, 0))(jnp.ones(1), u[:, :1])
        with_noise = jax.vmap(loss, (None, 0))(jnp.ones(1), u)
        return (joint[c, o] * p_noise[w] * (alone + k * (with_noise - alone))).sum()

    slope = jax.jit(jax.grad(expected))
    np.testing.assert_allclose(slope(jnp.array(optimum)), 0, atol=1e-14)
    assert abs(slope(jnp.array(optimum + np.log(k)))).max() > 0.01


@pytest.mark.system("lang.word2vec_negative_sampling")
def test_pairs_are_as_frequent_as_a_window_of_random_width_makes_them(key):
    """Exact frequencies by running over every place, width and neighbour, after leaving out as much as by (2)."""
    text = np.array([[0, 1, 2, 3, 4, -1], [5, 6, 7, 8, 9, 10]])
    window, keep = 3, np.ones(11)
    keep[[1, 7, 8]] = 0  # left out for certain: 0 and 2 become neighbours, 6 and 9 too
    exact = np.zeros((11, 11))
    for row in text:
        row = [word for word in row if word >= 0 and keep[word]]
        for i, width in product(range(len(row)), range(1, window + 1)):
            for j in range(max(i - width, 0), min(i + width + 1, len(row))):
                exact[row[i], row[j]] += i != j
    exact /= exact.sum()

    c, o, counts = jax.jit(partial(neighbours, window=window, count=200_000))(key, jnp.array(text), jnp.array(keep))
    found = np.zeros((11, 11))
    np.add.at(found, (np.asarray(c), np.asarray(o)), np.asarray(counts))
    n = found.sum()
    assert (abs(found / n - exact) <= 4.5 * np.sqrt(exact * (1 - exact) / n)).all()


@pytest.mark.system("lang.word2vec_negative_sampling")
def test_frequent_words_are_left_out_as_often_as_the_paper_says(key):
    keep = np.asarray(kept(jnp.array([0.09, 0.02, 0.01, 0.001]), 0.01))
    np.testing.assert_allclose(keep, [1 / 3, np.sqrt(0.5), 1, 1], rtol=1e-6)
    text = jnp.array(np.tile([[0, 2]], (1, 4000)))
    c, _, counts = neighbours(key, text, jnp.asarray(keep), 1, 20_000)
    assert counts.mean() > 0.99
    share = float((c == 0).mean())  # 1/3 : 1
    assert abs(share - 0.25) < 0.02


@pytest.mark.slow
def test_noise_is_drawn_from_the_counts_to_the_power_of_three_quarters(key):
    """With vectors of length one that tell the words apart, a step moves u_w as often as w was drawn."""
    counts = np.array([100, 30, 10, 1])
    method = word2vec(Config(features=1, pairs=20_000, learning_rate=1.0, threshold=9.0), counts, 10**6)
    state = Embedding(jnp.ones((4, 1)), jnp.zeros((4, 1)), jnp.asarray(0))
    after, _ = method.step(key, state, jnp.zeros((1, 20_000), int))  # a text of the first word alone
    drawn = np.asarray(-2 * after.context[:, 0])[1:] / (5 * 20_000)  # each noise word moves by -sigmoid(0)
    expected = (counts**0.75 / (counts**0.75).sum())[1:]
    assert (abs(drawn - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 1e5) + 1e-3 * expected).all()


def test_nearest_is_by_cosine_and_leaves_the_word_out():
    vectors = jnp.array([[1.0, 0.0], [5.0, 1.0], [0.5, 0.5], [-1.0, 0.0]])
    assert nearest(vectors, jnp.array([0, 3]), 2).tolist() == [[1, 2], [2, 1]]


def test_a_word_that_never_occurs_is_named():
    with pytest.raises(ConfigError, match="word 1 occurs 0 times"):
        word2vec(Config(), np.array([3, 0, 2]), 10)


@pytest.mark.slow
@pytest.mark.system("lang.word2vec_negative_sampling")
def test_words_of_a_topic_are_neighbours_as_much_as_in_gensim(key):
    golden = np.load(Path(__file__).parents[1] / "golden" / "word2vec.npz")
    text, topic = topics()
    assert (text.size, text.sum()) == (golden["words"], golden["checksum"])
    counts = np.bincount(text.ravel())
    method = word2vec(Config(features=50, pairs=512, learning_rate=0.05, threshold=1e-3), counts, 3000)
    state, _ = train(key, method, epochs(text, 64), 3000)
    found = purity(nearest(state.centre, jnp.arange(len(topic)), 10), jnp.asarray(topic))
    assert found > 0.9
    assert found > golden["purity"].mean() - 0.05
