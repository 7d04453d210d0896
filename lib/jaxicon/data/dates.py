"""Dates as people write them, to be translated into ISO 8601: a small language whose every sentence has one meaning."""

from datetime import date
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxicon.core.errors import DataError

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)  # a century: two digits tell the year

# A point parts day, month and year; a stroke parts month, day and year.
FORMS = (
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{DAYS[d.weekday()]}, the {ordinal(d.day)} of {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"the {ordinal(d.day)} of {MONTHS[d.month - 1]}, {d.year}",
    lambda d: f"{DAYS[d.weekday()][:3]} {d.day} {MONTHS[d.month - 1][:3]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1][:3]} {d.day}, {d.year % 100:02}",
    lambda d: f"{d.day}-{MONTHS[d.month - 1][:3].upper()}-{d.year % 100:02}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: f"{d.day}.{d.month}.{d.year % 100:02}",
    lambda d: f"{d.month}/{d.day}/{d.year}",
)
TARGET = "0123456789-"


class Split(NamedTuple):
    """(source, target) each: places in their alphabets counted from 1, int32 [n, longest], filled up with 0."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    alphabet: str  # of the sources; that of the targets is TARGET


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, ... 11th, 12th, 13th, ... 21st."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def encode(texts: list[str], alphabet: str, longest: int) -> Int[np.ndarray, "n t"]:
    """Raises DataError for a text of more than `longest` characters and for a character that has no place."""
    place = {character: i for i, character in enumerate(alphabet, start=1)}
    for text in texts:
        if len(text) > longest or set(text) - place.keys():
            raise DataError(f"dates: {text!r}; expected at most {longest} characters of {alphabet!r}")
    return np.array([[place[c] for c in text] + [0] * (longest - len(text)) for text in texts], np.int32)


def decode(symbols: Int[np.ndarray, "t"], alphabet: str) -> str:
    """The text up to the first 0."""
    return "".join(alphabet[i - 1] for i in takewhile(bool, symbols.tolist()))


def dates() -> Split:
    """The 36,525 days of 1950 to 2049: 2,000 to test on, the others to train on, each written in one of ten forms.

    Split and forms are the same every time. A target is 10 characters and one 0.
    """
    random = np.random.default_rng(0)
    days = [
        date.fromordinal(n) for n in random.permutation(np.arange(FIRST.toordinal(), LAST.toordinal() + 1)).tolist()
    ]
    texts = [
        FORMS[form](day) for form, day in zip(random.integers(len(FORMS), size=len(days)).tolist(), days, strict=True)
    ]
    alphabet = "".join(sorted(set("".join(texts))))
    source = encode(texts, alphabet, max(map(len, texts)))
    target = encode([day.isoformat() for day in days], TARGET, 11)
    return Split((source[2000:], target[2000:]), (source[:2000], target[:2000]), alphabet)
