"""The 1,797 handwritten digits of 8x8 pixels that travel with scikit-learn, with one fixed split."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """(x, y) each: x float32 [n, 64] in [0, 1], y int32 [n] in 0 .. 9."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def digits() -> Split:
    """1,437 digits to train on and 360 to test on, each class in the same proportion in both.

    The split is the same for every method and every seed, so that results can be compared.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    x, y = (data.data / 16).astype(np.float32), data.target.astype(np.int32)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=360, stratify=y, random_state=0)
    return Split((x_train, y_train), (x_test, y_test))
