import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.data.text import decode, encode, text


def test_the_manual_is_whole_in_order_and_its_last_tenth_held_out():
    from pydoc_data.topics import topics

    train, test, alphabet = text()
    whole = decode(np.concatenate([train, test]), alphabet)
    assert whole == "".join(article for _, article in sorted(topics.items()))
    assert len(test) == len(whole) // 10
    assert train.dtype == test.dtype == np.int32
    assert list(alphabet) == sorted(set(whole))
    assert len(whole) > 300_000
    assert whole.count(" the ") > 1000


def test_a_file_is_read_character_by_character(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes("süß\n0123456789abcdefghij\n".encode())
    train, test, alphabet = text(file)
    assert decode(train, alphabet) == "süß\n0123456789abcdefghi"
    assert decode(test, alphabet) == "j\n"
    assert encode("süß", alphabet).tolist() == train[:3].tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"\xff" + b"a" * 30, "byte 0 is not UTF-8"),
        (b"short", "5 characters; expected at least 20"),
    ],
)
def test_a_file_that_is_no_text_is_named(tmp_path, content, message):
    file = tmp_path / "bad.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        text(str(file))
    assert str(file) in str(error.value)


def test_a_character_without_a_place_is_named():
    with pytest.raises(DataError, match="'é' is none of the 3 characters"):
        encode("abé", "abc")
