"""The digits are split once and for all."""

import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.data.digits import digits


def test_the_split_is_stratified_and_complete():
    from sklearn.datasets import load_digits

    (x, y), (x_test, y_test) = digits()
    assert (len(x), len(x_test)) == (1437, 360)
    whole = load_digits()
    rows = lambda images: sorted(map(tuple, np.rint(images * 16).astype(int).tolist()))
    assert rows(np.concatenate([x, x_test])) == rows(whole.data / 16)
    shares = np.bincount(y) / len(y) - np.bincount(y_test) / len(y_test)
    assert abs(shares).max() < 0.003
    assert x.min() == 0
    assert x.max() == 1


def test_the_split_is_that_of_scikit_learn():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    whole = load_digits()
    kinds = (whole.data / 16).astype(np.float32), whole.target.astype(np.int32)
    x_train, x_test, y_train, y_test = train_test_split(*kinds, test_size=360, stratify=kinds[1], random_state=0)
    for ours, theirs in zip(sum(digits(), ()), (x_train, y_train, x_test, y_test), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("jaxicon.data.digits.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        digits()
