from itertools import product

import numpy as np
import pytest

from jaxicon.data.text import text
from jaxicon.ops.kneser_ney import bits_per_symbol, fit, grams, probability

SYMBOLS, ORDER, DISCOUNT = 3, 3, 0.6
IDS = np.random.default_rng(0).choice(SYMBOLS, 25, p=[0.6, 0.3, 0.1]).astype(np.int32)


def occurrences(gram):
    return sum(tuple(IDS[i : i + len(gram)]) == gram for i in range(len(IDS) - len(gram) + 1))


def by_hand(gram):
    """The definition, symbol by symbol: p of the last symbol of a tuple after the others."""
    if not gram:
        return 1 / SYMBOLS

    def count(gram):
        before = [occurrences((symbol, *gram)) > 0 for symbol in range(SYMBOLS)]
        return occurrences(gram) if len(gram) == ORDER else sum(before)

    counts = [count((*gram[:-1], symbol)) for symbol in range(SYMBOLS)]
    lower = by_hand(gram[1:])
    if sum(counts) == 0:
        return lower
    reserved = DISCOUNT * sum(c > 0 for c in counts)
    return (max(counts[gram[-1]] - DISCOUNT, 0) + reserved * lower) / sum(counts)


def test_every_probability_is_that_of_the_definition_and_each_context_sums_to_one():
    model = fit(IDS, SYMBOLS, ORDER, DISCOUNT)
    every = np.array([*product(range(SYMBOLS), repeat=ORDER)])
    p = probability(model, every)
    np.testing.assert_allclose(p, [by_hand(tuple(gram)) for gram in every.tolist()], rtol=1e-12)
    np.testing.assert_allclose(p.reshape(-1, SYMBOLS).sum(1), 1, rtol=1e-12)
    unseen = [gram for gram in every.tolist() if not occurrences(tuple(gram[:-1]))]
    assert unseen, "the test text must leave a context unseen"


def test_more_context_says_more_of_the_manual_and_its_contexts_sum_to_one():
    train, test, alphabet = text()
    models = [fit(train, len(alphabet), order) for order in (1, 3, 5)]
    bits = [bits_per_symbol(model, test) for model in models]
    assert bits[0] > bits[1] + 1.5
    assert bits[1] > bits[2] + 0.5
    assert bits[2] == pytest.approx(1.76, abs=0.05)  # 1.759 with the text of Python 3.11
    contexts = np.repeat(grams(test, 5)[::2000, :4], len(alphabet), axis=0)
    symbols = np.tile(np.arange(len(alphabet)), len(contexts) // len(alphabet))
    p = probability(models[2], np.concatenate([contexts, symbols[:, None]], axis=1))
    np.testing.assert_allclose(p.reshape(-1, len(alphabet)).sum(1), 1, rtol=1e-9)


def test_numbers_that_would_overflow_are_refused():
    with pytest.raises(ValueError, match="9-grams of 200 symbols"):
        fit(np.arange(20), 200, 9)
