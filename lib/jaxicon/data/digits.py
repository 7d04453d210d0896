"""The 1,797 handwritten digits of 8x8 pixels that travel with scikit-learn, with one fixed split."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxicon.core.errors import DataError


class Split(NamedTuple):
    """(x, y) each: x float32 [n, 64] in [0, 1], y int32 [n] in 0 .. 9."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def digits() -> Split:
    """1,437 digits to train on and 360 to test on, each class in the same proportion in both.

    The split is the same for every method and every seed, so that results can be compared. It is scikit-learn's
    train_test_split(x, y, test_size=360, stratify=y, random_state=0), whose import alone takes two seconds.
    Raises DataError where scikit-learn is not installed.
    """
    sklearn = find_spec("sklearn")
    if not sklearn:
        raise DataError("digits: they travel with scikit-learn, which is not installed; pip install scikit-learn")
    table = np.loadtxt(Path(sklearn.origin).parent / "datasets/data/digits.csv.gz", delimiter=",")
    x, y = (table[:, :-1] / 16).astype(np.float32), table[:, -1].astype(np.int32)
    train, test = stratified(y, 360, np.random.RandomState(0))
    return Split((x[train], y[train]), (x[test], y[test]))


def stratified(y: np.ndarray, size: int, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Places of a training and a test set of `size`, in which each class has its share, in random order."""
    counts = np.bincount(y)
    train_counts = shares(counts, len(y) - size, random)
    test_counts = shares(counts - train_counts, size, random)
    train, test = [], []
    for label, (kept, held_out) in enumerate(zip(train_counts, test_counts, strict=True)):
        places = np.flatnonzero(y == label)[random.permutation(counts[label])]
        train.append(places[:kept])
        test.append(places[kept : kept + held_out])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test))


def shares(counts: np.ndarray, size: int, random: np.random.RandomState) -> np.ndarray:
    """`size` shared out in proportion to the counts; by largest remainder, at random among equal ones."""
    exact = counts / counts.sum() * size
    whole = np.floor(exact)
    for remainder in sorted({*(exact - whole)}, reverse=True):
        missing = int(size - whole.sum())
        tied = np.flatnonzero(exact - np.floor(exact) == remainder)
        if missing:
            whole[random.choice(tied, min(len(tied), missing), replace=False)] += 1
    return whole.astype(int)
