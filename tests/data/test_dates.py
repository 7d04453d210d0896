import re
from collections import Counter
from datetime import datetime

import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.data.dates import TARGET, dates, decode, encode, ordinal

FORMS = {
    r"\d+ [A-Z][a-z]+ \d{4}": "%d %B %Y",
    r"[A-Z][a-z]+ \d+, \d{4}": "%B %d, %Y",
    r"[A-Z][a-z]+day, the \d+ of [A-Z][a-z]+ \d{4}": "%A, the %d of %B %Y",
    r"the \d+ of [A-Z][a-z]+, \d{4}": "the %d of %B, %Y",
    r"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d{4}": "%a %d %b %Y",
    r"[A-Z][a-z]{2} \d+, \d{2}": "%b %d, %y",
    r"\d+-[A-Z]{3}-\d{2}": "%d-%b-%y",
    r"\d{2}\.\d{2}\.\d{4}": "%d.%m.%Y",
    r"\d+\.\d+\.\d{2}": "%d.%m.%y",
    r"\d+/\d+/\d{4}": "%m/%d/%Y",
}


def parsed(text):
    """(ISO form, format) by Python's own parser; the format is told by the shape of the text."""
    plain = re.sub(r"(?<=\d)(st|nd|rd|th)", "", text)
    (form,) = (form for pattern, form in FORMS.items() if re.fullmatch(pattern, plain))
    day = datetime.strptime(plain, form)
    if "%y" in form and day.year >= 2050:
        day = day.replace(year=day.year - 100)
    assert day.strftime("%A").startswith(plain[:3]) or form[:2] not in ("%a", "%A")
    return day.date().isoformat(), form


def test_every_date_means_its_target():
    split = dates()
    seen = Counter()
    for source, target in zip(*split.test, strict=True):
        iso, form = parsed(decode(source, split.alphabet))
        assert iso == decode(target, TARGET)
        seen[form] += 1
    assert seen.keys() == set(FORMS.values())
    assert min(seen.values()) > 140


def test_no_day_is_in_both_parts_and_none_is_missing():
    (_, train), (_, test), _ = dates()
    days = [decode(row, TARGET) for row in np.concatenate([train, test])]
    assert len(set(days)) == len(days) == 36_525
    assert (min(days), max(days)) == ("1950-01-01", "2049-12-31")
    assert len(test) == 2000
    assert (train[:, -1] == 0).all()
    for one, same in zip(dates().test, dates().test, strict=True):
        np.testing.assert_array_equal(one, same)


def test_ordinals():
    written = " ".join(ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31))
    assert written == "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 31st"


def test_a_text_that_does_not_fit_is_named():
    assert encode(["12", "1"], "12", 3).tolist() == [[1, 2, 0], [1, 0, 0]]
    assert decode(np.array([1, 2, 0, 2]), "12") == "12"
    with pytest.raises(DataError, match="'123'; expected at most 2 characters of '12'"):
        encode(["12", "123"], "12", 2)
