from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxicon.ops.decoding import END, beam_search, greedy, until_end

SYMBOLS, LENGTH = 3, 4
NODES = (SYMBOLS**LENGTH - 1) // (SYMBOLS - 1)  # prefixes of at most LENGTH - 1 symbols


def tables(seed, count):
    """log p(next symbol | prefix) of `count` languages that remember everything; a prefix is a node of a tree."""
    return log_softmax(2 * np.random.default_rng(seed).normal(size=(count, NODES, SYMBOLS)), axis=-1)


def model(table):
    def step(node, symbol):
        node = jnp.where(node < 0, 0, node * table.shape[-1] + symbol + 1)  # -1 stands before the root
        return jnp.asarray(table)[node], node

    return step


def log_prob(table, string):
    node, total = 0, 0.0
    for symbol in string:
        total += float(table[node, symbol])
        node = node * table.shape[-1] + symbol + 1
    return total


def cut(string):
    """A string up to its first END."""
    return string[: string.index(END) + 1] if END in string else string


def exhaustive(table):
    """All strings with their scores, the best first."""
    strings = {cut(string) for string in product(range(SYMBOLS), repeat=LENGTH)}
    return sorted(((log_prob(table, s) / len(s), s) for s in strings), reverse=True)


def by_lists(table, width):
    """A beam search with lists that grow and shrink."""
    live, ended = [()], []
    for _ in range(LENGTH):
        longer = [(*string, symbol) for string in live for symbol in range(SYMBOLS)]
        best = sorted(longer, key=partial(log_prob, table), reverse=True)[: width - len(ended)]
        ended += [string for string in best if string[-1] == END]
        live = [string for string in best if string[-1] != END]
    return sorted(((log_prob(table, s) / len(s), s) for s in ended + live), reverse=True)


@partial(jax.jit, static_argnames="width")
def search(tables, width):
    return jax.vmap(lambda table: beam_search(model(table), jnp.int32(-1), width, LENGTH))(tables)


def assert_same(hypotheses, expected):
    for (score, string), symbols, ours in zip(expected, *hypotheses, strict=False):
        np.testing.assert_allclose(ours, score, rtol=1e-12)
        assert cut(tuple(symbols.tolist())) == string
        assert (symbols[len(string) :] == END).all()


@pytest.mark.system("seq.beam_search")
def test_a_beam_as_wide_as_there_are_strings_ranks_them_all(x64):
    languages = tables(0, 5)
    found = search(languages, SYMBOLS**LENGTH)
    for i, table in enumerate(languages):
        expected = exhaustive(table)
        hypotheses = jax.tree.map(lambda x: np.asarray(x)[i], found)
        assert_same(hypotheses, expected)
        assert (hypotheses.score[len(expected) :] == -np.inf).all()


@pytest.mark.system("seq.beam_search")
@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_narrow_beam_equals_a_search_with_lists(x64, width):
    languages = tables(width, 40)
    found = search(languages, width)
    for i, table in enumerate(languages):
        assert_same(jax.tree.map(lambda x: np.asarray(x)[i], found), by_lists(table, width))


@pytest.mark.system("seq.beam_search")
def test_scores_grow_with_the_width_on_average(x64):
    languages = tables(9, 300)
    means = [float(search(languages, width).score[:, 0].mean()) for width in (1, 2, 5, 81)]
    assert means[0] + 0.01 < means[1]
    assert means[1] < means[2]
    assert means[2] <= means[3]
    assert means[3] == pytest.approx(np.mean([exhaustive(table)[0][0] for table in languages]), abs=1e-12)


@pytest.mark.system("seq.greedy_decode")
def test_greedy_is_the_best_symbol_each_time_and_a_beam_of_one(x64):
    languages = tables(1, 60)
    ours = jax.jit(jax.vmap(lambda table: greedy(model(table), jnp.int32(-1), LENGTH)))(languages)
    beam = search(languages, 1)
    np.testing.assert_array_equal(ours, beam.symbols[:, 0])
    for table, symbols in zip(languages, ours.tolist(), strict=True):
        node, string = 0, ()
        while len(string) < LENGTH and END not in string:
            string += (int(table[node].argmax()),)
            node = node * SYMBOLS + string[-1] + 1
        assert tuple(symbols) == string + (END,) * (LENGTH - len(string))


@pytest.mark.system("seq.greedy_decode")
def test_greedy_may_miss_the_best_string_where_a_beam_of_two_does_not():
    first = [0.0, 0.55, 0.45]
    after = {1: [0.0, 0.5, 0.5], 2: [0.0, 0.9, 0.1]}  # 0.55 * 0.5 < 0.45 * 0.9
    table = jnp.log(jnp.array([first, [1.0, 0.0, 0.0], after[1], after[2]]))
    assert greedy(model(table), jnp.int32(-1), 2).tolist()[0] == 1
    best = beam_search(model(table), jnp.int32(-1), 2, 2)
    assert best.symbols[0].tolist() == [2, 1]
    np.testing.assert_allclose(best.score[0], np.log(0.45 * 0.9) / 2, rtol=1e-6)


@pytest.mark.system("seq.beam_search")
def test_the_score_is_per_symbol():
    """0.5 at once, against 0.9 * 0.6 * 0.9 in three steps: less in all, more per symbol."""
    rows = np.full((13, 3), 1e-9)
    rows[0], rows[3], rows[11] = [0.5, 1e-9, 0.5], [1e-9, 0.6, 0.4], [0.9, 0.05, 0.05]
    best = beam_search(model(jnp.log(rows)), jnp.int32(-1), 4, 3)
    assert best.symbols[:2].tolist() == [[2, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(best.score[:2], [np.log(0.5 * 0.6 * 0.9) / 3, np.log(0.5)], rtol=1e-6)


def test_the_first_end_is_the_last_symbol_that_counts():
    strings = jnp.array([[1, 2, 0, 0, 3], [0, 1, 0, 1, 1], [2, 2, 2, 2, 2]])
    lengths = [len(cut(tuple(string))) for string in strings.tolist()]
    np.testing.assert_array_equal(until_end(strings), np.arange(5) < np.array(lengths)[:, None])
