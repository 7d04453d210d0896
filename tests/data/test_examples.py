"""One's own data: what is kept, and what is refused, with the place named."""

import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.data.examples import examples

X = np.arange(12.0).reshape(4, 3)


def test_labels_and_targets_are_kept():
    x, y = examples(X, [0, 2, 1, 2.0], classes=3)
    assert (x.dtype, y.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, [0, 2, 1, 2])
    np.testing.assert_array_equal(examples(X, X[:, :1] / 7)[1], (X[:, :1] / 7).astype(np.float32))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, [0, 3, 1, 2], r"y\[1\] is 3; expected whole numbers 0 .. 2"),
        (X, [0, 1, -1, 2], r"y\[2\] is -1; expected whole"),
        (X, [0, 1, 0.5, 2], r"y\[2\] is 0.5; expected whole"),
        (X, [0, 1, 2], "4 rows of x and 3 of y"),
        (X, [[0], [1], [2], [0]], r"y has shape \(4, 1\); expected 1 axes"),
        (X[0], [0, 1, 2], r"x has shape \(3,\); expected 2 axes"),
        (X[:0], [], r"x has shape \(0, 3\); expected 2 axes, the first of them not empty"),
        (np.where(X == 7, np.inf, X), [0, 1, 2, 0], r"x\[2, 1\] is inf; expected finite"),
        (X, [0, 1, np.nan, 0], r"y\[2\] is nan; expected finite"),
        (X.astype(str), [0, 1, 2, 0], "x holds <U32; expected numbers"),
    ],
)
def test_what_cannot_be_is_refused(x, y, message):
    with pytest.raises(DataError, match=message):
        examples(x, y, classes=3)
