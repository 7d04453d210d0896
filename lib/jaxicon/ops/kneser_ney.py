"""Interpolated Kneser-Ney: the n-gram model that a neural model of language has to beat. On the host, in NumPy.

Paper    Kneser & Ney 1995; Chen & Goodman 1999, §2.7, eq. 4.34 for the interpolated form (1)
Idea     p(w | h) = (max(c(h w) - D, 0) + D |{v: c(h v) > 0}| p(w | h')) / sum_v c(h v)                        (1)
         where h' is h without its oldest symbol. c counts occurrences at the highest order; below, c(h w) is the number
         of different symbols seen before h w. Below one symbol the distribution is uniform.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

Ids = Int[np.ndarray, "t"]


class Counts(NamedTuple):
    """c of one order; n-grams and contexts are numbers in base `symbols`, in ascending order."""

    gram: Int[np.ndarray, "n"]
    count: Int[np.ndarray, "n"]  # c(h w)
    context: Int[np.ndarray, "m"]
    total: Int[np.ndarray, "m"]  # sum_v c(h v)
    kinds: Int[np.ndarray, "m"]  # |{v: c(h v) > 0}|


class KneserNey(NamedTuple):
    counts: tuple[Counts, ...]  # of the orders 1, 2, ...
    symbols: int
    discount: float


def grams(ids: Ids, order: int) -> Int[np.ndarray, "n order"]:
    """All n-grams, in the order of their last symbols."""
    return np.lib.stride_tricks.sliding_window_view(ids, order)


def numbers(grams: Int[np.ndarray, "n order"], symbols: int) -> Int[np.ndarray, "n"]:
    """n-grams as numbers in base `symbols`, the newest symbol last."""
    return grams.astype(np.int64) @ symbols ** np.arange(grams.shape[1], dtype=np.int64)[::-1]


def tally(occurrences: Int[np.ndarray, "n"], symbols: int) -> Counts:
    gram, count = np.unique(occurrences, return_counts=True)
    context, first, kinds = np.unique(gram // symbols, return_index=True, return_counts=True)
    return Counts(gram, count, context, np.add.reduceat(count, first), kinds)


def fit(ids: Ids, symbols: int, order: int = 5, discount: float = 0.75) -> KneserNey:
    """The model of a text of symbols 0 .. symbols; raises ValueError where its n-grams do not fit 63 bits."""
    if symbols**order >= 2**63:
        raise ValueError(f"kneser_ney: {order}-grams of {symbols} symbols do not fit 63 bits")
    counts = [tally(numbers(grams(ids, order), symbols), symbols)]
    for lower in range(order - 1, 0, -1):
        kinds = np.unique(numbers(grams(ids, lower + 1), symbols))
        counts.insert(0, tally(kinds % symbols**lower, symbols))
    return KneserNey(tuple(counts), symbols, discount)


def look_up(
    values: Int[np.ndarray, "n"], keys: Int[np.ndarray, "n"], wanted: Int[np.ndarray, "m"]
) -> Int[np.ndarray, "m"]:
    """values[i] where keys[i] is what is wanted; 0 where there is none."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def probability(model: KneserNey, grams: Int[np.ndarray, "n order"]) -> Float[np.ndarray, "n"]:
    """(1): of the last symbol of each n-gram after the others."""
    p = np.full(len(grams), 1 / model.symbols)
    for order, counts in enumerate(model.counts, 1):
        gram = numbers(grams[:, -order:], model.symbols)
        count = look_up(counts.count, counts.gram, gram)
        total, kinds = (look_up(v, counts.context, gram // model.symbols) for v in (counts.total, counts.kinds))
        seen = np.maximum(count - model.discount, 0) + model.discount * kinds * p
        p = np.where(total > 0, seen / np.maximum(total, 1), p)
    return p


def bits_per_symbol(model: KneserNey, ids: Ids) -> float:
    """Mean of -log2 p over all symbols of a text that have a whole context before them."""
    return float(-np.log2(probability(model, grams(ids, len(model.counts)))).mean())
