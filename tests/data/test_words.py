import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.data.words import split, words


def test_words_are_runs_of_letters_in_lower_case():
    assert split("The cat's 2 näive_dogs; THE\nend.") == ["the", "cat", "s", "näive", "dogs", "the", "end"]


def test_rare_words_are_left_out_and_the_rest_is_in_order(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("one two one three two one. " + "x" * 3)
    train, test, vocabulary, counts = words(file, least=2, width=4)
    assert vocabulary == ("one", "two")
    assert counts.tolist() == [3, 2]
    assert train.tolist() == [[0, 1, 0, 1], [0, -1, -1, -1]]
    assert test.shape == (0, 4)
    with pytest.raises(DataError, match="no word occurs 9 times in a text of 6 words"):
        words(file, least=9)


def test_the_words_of_the_manual():
    train, test, vocabulary, counts = words()
    assert vocabulary[0] == "the"
    assert (np.diff(counts) <= 0).all()
    assert counts.min() == 5
    np.testing.assert_array_equal(np.bincount(train[train >= 0]), counts)
    assert 0 < (test >= 0).sum() < (train >= 0).sum() / 5
