from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.method import Fit
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.ops.decoding import END
from jaxicon.sequence.seq2seq_attention import (
    Config,
    seq2seq_attention,
    teacher_forced,
    translate,
)

SMALL = Config(embedding=3, hidden=4, alignment=5, maxout=3, longest=3)


def pairs(seed, count):
    """Sources of 2 to 5 symbols out of 1 .. 5, targets of 0 to 2 out of 1, 2 and END, filled up with END."""
    random = np.random.default_rng(seed)
    source, target = random.integers(1, 6, (count, 5)), random.integers(1, 3, (count, 3))
    source[np.arange(5) >= random.integers(2, 6, (count, 1))] = END
    target[np.arange(3) >= random.integers(0, 3, (count, 1))] = END
    return source.astype(np.int32), target.astype(np.int32)


def example():
    return seq2seq_attention(SMALL, 6, 3), epochs(pairs(0, 12), 4)


@pytest.fixture
def method():
    return seq2seq_attention(SMALL, 6, 3)


@pytest.fixture
def params(x64, method):
    """Small and random; the biases too."""
    params = jax.jit(method.init)(jax.random.key(1), pairs(0, 1)).params
    noise = iter(jax.random.split(jax.random.key(2), 20))
    return jax.tree.map(lambda w: w + 0.5 * jax.random.normal(next(noise), w.shape), params)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_by_hand(cell, h, x):
    n = len(h)
    a = x @ cell["input"] + cell["bias"]
    z = sigmoid(a[:n] + h @ cell["gates"][:, :n])
    r = sigmoid(a[n : 2 * n] + h @ cell["gates"][:, n:])
    return z * h + (1 - z) * np.tanh(a[2 * n :] + (r * h) @ cell["candidate"])


def by_hand(params, source, target):
    """The paper's equations with loops over the symbols, on a source without padding: (log p [u v], alpha [u t])."""
    p = jax.tree.map(np.asarray, params)
    cells = [jax.tree.map(lambda w: w[i], p["encoder"]) for i in (0, 1)]
    x, t = [p["source"][symbol] for symbol in source], len(source)
    forward, backward, h = [None] * t, [None] * t, np.zeros(4)
    for j in range(t):
        forward[j] = h = gru_by_hand(cells[0], h, x[j])
    h = np.zeros(4)
    for j in reversed(range(t)):
        backward[j] = h = gru_by_hand(cells[1], h, x[j])
    s, last, log_probs, alphas = np.tanh(backward[0] @ p["start"]), END, [], []
    for symbol in target:
        notes = [np.concatenate(pair) for pair in zip(forward, backward, strict=True)]
        energy = np.exp([p["energy"] @ np.tanh(s @ p["query"] + note @ p["keys"]) for note in notes])
        alpha = energy / energy.sum()
        context = sum(a * note for a, note in zip(alpha, notes, strict=True))
        y = p["target"][last]
        s = gru_by_hand(p["decoder"], s, np.concatenate([y, context]))
        units = np.concatenate([y, s, context]) @ p["maxout"]
        logits = np.array([max(units[i], units[i + 1]) for i in range(0, len(units), 2)]) @ p["output"]
        log_probs.append(logits - np.log(np.exp(logits).sum()))
        alphas.append(alpha)
        last = symbol
    return np.array(log_probs), np.array(alphas)


@pytest.mark.system("seq.attention_bottleneck")
def test_the_model_equals_the_papers_equations_in_loops(params):
    source, target = np.array([3, 1, 5, 2]), np.array([2, 1, 1, 0])
    log_probs, alpha = teacher_forced(params, jnp.array(source), jnp.array(target))
    expected, weights = by_hand(params, source, target)
    np.testing.assert_allclose(log_probs, expected, rtol=1e-11)
    np.testing.assert_allclose(alpha, weights, rtol=1e-11)
    np.testing.assert_allclose(alpha.sum(-1), 1, rtol=1e-14)
    assert np.ptp(weights, axis=0).min() > 1e-3  # computed anew for every symbol


def test_the_gradient_is_that_of_central_differences(params, method):
    batch = tuple(map(jnp.array, pairs(3, 2)))
    nats = jax.jit(lambda params: method.evaluate(jax.random.key(0), fit(params), batch)["nats"])
    gradient, keys = jax.grad(nats)(params), iter(jax.random.split(jax.random.key(4), 20))
    for name in params:
        zero = jax.tree.map(jnp.zeros_like, params)
        there = zero | {name: jax.tree.map(lambda w: jax.random.normal(next(keys), w.shape), params[name])}
        at = lambda step: nats(jax.tree.map(lambda w, d: w + step * d, params, there))
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradient, there)))
        assert abs(slope) > 1e-6
        np.testing.assert_allclose(slope, (at(1e-5) - at(-1e-5)) / 2e-5, rtol=1e-6)


def fit(params):
    return Fit(params, (), ())


def padded(rows, count):
    return jnp.pad(rows, [(0, 0), (0, count)], constant_values=END)


@pytest.mark.system("seq.attention_bottleneck")
def test_padding_changes_nothing(params, method):
    source, target = map(jnp.array, pairs(5, 6))
    loss = lambda source, target, params: method.evaluate(jax.random.key(0), fit(params), (source, target))["nats"]
    run = jax.jit(lambda source, target: jax.value_and_grad(partial(loss, source, target))(params))
    plain, wider = run(source, target), run(padded(source, 3), padded(target, 2))
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(wider), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)

    one_by_one = [
        by_hand(params, s[s != END], t[: list(t).index(END) + 1])
        for s, t in zip(np.asarray(source), np.asarray(target), strict=True)
    ]
    nats = [
        -log_probs[np.arange(len(log_probs)), t[: len(log_probs)]]
        for (log_probs, _), t in zip(one_by_one, np.asarray(target), strict=True)
    ]
    np.testing.assert_allclose(plain[0], np.concatenate(nats).mean(), rtol=1e-11)

    _, alpha = jax.vmap(partial(teacher_forced, params))(padded(source, 3), target)
    assert (np.asarray(alpha).transpose(0, 2, 1)[padded(source, 3) == END] == 0).all()
    for ours, (_, expected) in zip(np.asarray(alpha), one_by_one, strict=True):
        np.testing.assert_allclose(ours[: len(expected), : expected.shape[1]], expected, rtol=1e-11)


@pytest.mark.system("seq.beam_search", "seq.greedy_decode")
def test_a_beam_as_wide_as_all_strings_finds_the_best_translation(params, method):
    search, write = jax.jit(translate, static_argnums=(2, 3)), jax.jit(method.predict)
    for source in np.random.default_rng(6).integers(1, 6, (4, 4)):
        scores = {}
        for string in product(range(3), repeat=3):
            length = string.index(END) + 1 if END in string else 3
            log_probs, _ = by_hand(params, source, string[:length])
            kept = string[:length] + (END,) * (3 - length)
            scores[kept] = log_probs[np.arange(length), np.array(string[:length])].sum() / length
        found = search(params, jnp.array(source), 27, 3)
        assert tuple(found.symbols[0].tolist()) == max(scores, key=scores.get)
        np.testing.assert_allclose(found.score[: len(scores)], sorted(scores.values(), reverse=True), rtol=1e-11)
        written = write(fit(params), jnp.array(source)[None])[0]
        assert written.tolist() == search(params, jnp.array(source), 1, 3).symbols[0].tolist()


SWAPPED = np.array([1, 0, 4, 2, 3, 5])  # the order of words in the other language, in sentences of six


@pytest.mark.slow
@pytest.mark.system("seq.attention_bottleneck")
def test_learns_a_planted_order_and_looks_at_the_right_word(key):
    train_key, test_key = jax.random.split(key)

    def sentence(key):
        words = jax.random.randint(key, (32, 6), 1, 9)
        return words, jnp.pad(words[:, SWAPPED], [(0, 0), (0, 1)])

    method = seq2seq_attention(Config(16, 16, 16, 16, longest=7, learning_rate=1e-2), 9, 9)
    state, _ = train(train_key, method, synthetic(sentence), 600)
    assert evaluate(test_key, method, state, synthetic(sentence), 5)["exact_match"] > 0.95

    source, target = sentence(jax.random.key(9))
    _, alpha = jax.vmap(partial(teacher_forced, state.params))(source, target)
    looked = np.asarray(alpha)[:, :6].argmax(-1)
    assert (looked == SWAPPED).mean() > 0.95
