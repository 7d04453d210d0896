"""English to predict character by character: the manual that travels with Python, or any plain text of yours."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxicon.core.errors import DataError


class Text(NamedTuple):
    """Characters as their places in the alphabet, int32; the test part is what follows the training part."""

    train: Int[np.ndarray, "n"]
    test: Int[np.ndarray, "m"]
    alphabet: str  # every character of both parts once, in the order of their code points


def text(path: str | Path | None = None) -> Text:
    """A plain-text file in UTF-8, or without a path the 79 articles of `pydoc_data.topics`; the last 10 % held out.

    The articles (465,000 characters of 103 kinds in Python 3.11; other versions differ a little) follow each other
    in the alphabetical order of their names, with nothing in between. Raises DataError for a file that cannot be used.
    """
    return split(manual() if path is None else read(Path(path)))


def manual() -> str:
    from pydoc_data.topics import topics

    return "".join(topics[name] for name in sorted(topics))


def read(path: Path) -> str:
    try:
        characters = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"text: {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"text: {path}: byte {error.start} is not UTF-8; expected plain text in UTF-8") from None
    if len(characters) < 20:
        raise DataError(f"text: {path}: {len(characters)} characters; expected at least 20, of which 10 % are held out")
    return characters


def split(characters: str) -> Text:
    alphabet = "".join(sorted(set(characters)))
    ids = encode(characters, alphabet)
    return Text(*np.split(ids, [len(ids) - len(ids) // 10]), alphabet)


def encode(characters: str, alphabet: str) -> Int[np.ndarray, "n"]:
    """Places in the alphabet; raises DataError for a character that is not in it."""
    place = {character: i for i, character in enumerate(alphabet)}
    strange = set(characters) - place.keys()
    if strange:
        raise DataError(f"text: {min(strange)!r} is none of the {len(alphabet)} characters of the alphabet")
    return np.array([place[character] for character in characters], np.int32)


def decode(ids: Int[np.ndarray, "n"], alphabet: str) -> str:
    """The characters at these places of the alphabet."""
    return "".join(alphabet[i] for i in ids)
