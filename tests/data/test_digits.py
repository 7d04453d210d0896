"""The digits are split once and for all."""

import numpy as np

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


def test_the_split_is_the_same_every_time():
    np.testing.assert_array_equal(digits().test[1], digits().test[1])
