"""Ten measurements of 442 diabetes patients and their next year, which travel with scikit-learn; one fixed split."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxicon.core.errors import DataError
from jaxicon.ops.normalisation import standardise, statistics


class Split(NamedTuple):
    """(x, y) each: x float32 [n, 10], y float32 [n], both in deviations from the mean of the training set."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def diabetes() -> Split:
    """332 patients to train on and 110 to test on.

    x: age, sex, body mass index, blood pressure and six blood values; y: how far the disease went in a year. The split
    is the same for every method and every seed, so that results can be compared. It is scikit-learn's
    train_test_split(x, y, test_size=110, random_state=0). Raises DataError where scikit-learn is not installed.
    """
    sklearn = find_spec("sklearn")
    if not sklearn:
        raise DataError("diabetes: it travels with scikit-learn, which is not installed; pip install scikit-learn")
    folder = Path(sklearn.origin).parent / "datasets/data"
    table = np.column_stack([np.loadtxt(folder / f"diabetes_{part}.csv.gz") for part in ("data_raw", "target")])
    order = np.random.RandomState(0).permutation(len(table))
    test, train = order[:110], order[110:]
    table = standardise(table, statistics(table[train])).astype(np.float32)
    x, y = table[:, :-1], table[:, -1]
    return Split((x[train], y[train]), (x[test], y[test]))
