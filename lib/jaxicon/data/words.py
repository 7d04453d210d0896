"""A text as words: its vocabulary, how often each word occurs, and rows of words for those who look at neighbours."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxicon.core.errors import DataError
from jaxicon.data.text import decode, text


class Words(NamedTuple):
    """Rows of words, int32 places in the vocabulary, the last row filled up with -1; the test part comes last."""

    train: Int[np.ndarray, "n t"]
    test: Int[np.ndarray, "m t"]
    vocabulary: tuple[str, ...]  # the most frequent first
    counts: Int[np.ndarray, "v"]  # in the training part


def split(characters: str) -> list[str]:
    """Runs of letters, in lower case; what is between them is left out."""
    return re.findall(r"[^\W\d_]+", characters.lower())


def words(path: str | Path | None = None, least: int = 5, width: int = 50) -> Words:
    """The words that occur at least `least` times in the training part of `text(path)`; the others are left out.

    Raises DataError where no word is so frequent.
    """
    characters = text(path)
    train, test = (split(decode(part, characters.alphabet)) for part in characters[:2])
    frequent = [(word, count) for word, count in Counter(train).most_common() if count >= least]
    if not frequent:
        raise DataError(f"words: no word occurs {least} times in a text of {len(train)} words")
    vocabulary, counts = zip(*frequent, strict=True)
    place = {word: i for i, word in enumerate(vocabulary)}
    return Words(
        *(rows([place[w] for w in part if w in place], width) for part in (train, test)), vocabulary, np.array(counts)
    )


def rows(ids: list[int], width: int) -> Int[np.ndarray, "n t"]:
    return np.array(ids + [-1] * (-len(ids) % width), np.int32).reshape(-1, width)
