"""The patients are split once and for all, and scaled by those that are trained on."""

import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.data.diabetes import diabetes


def test_the_split_and_its_scale_are_those_of_scikit_learn():
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    whole = load_diabetes(scaled=False)
    table = np.column_stack([whole.data, whole.target])
    train, test = train_test_split(table, test_size=110, random_state=0)
    scaler = StandardScaler().fit(train)
    for (x, y), theirs in zip(diabetes(), (train, test), strict=True):
        expected = scaler.transform(theirs).astype(np.float32)
        np.testing.assert_allclose(x, expected[:, :-1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(y, expected[:, -1], rtol=1e-5, atol=1e-6)
        assert x.dtype == y.dtype == np.float32
    assert [len(y) for _, y in diabetes()] == [332, 110]


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("jaxicon.data.diabetes.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        diabetes()
