import jax
import numpy as np
import pytest
from scipy.stats import kstest

from jaxicon.data.sinusoids import sinusoids


@pytest.mark.system("meta.objective")
def test_support_and_query_are_other_points_of_one_wave(key, x64):
    """The support alone gives amplitude and phase, uniform over the tasks; the query lies on the same wave."""
    tasks = jax.tree.map(np.asarray, jax.jit(lambda key: sinusoids(key, 2000, 5, 7))(key))
    found = []
    for x, y, x_query, y_query in zip(*tasks.support, *tasks.query, strict=True):
        waves = lambda x: np.hstack([np.sin(x), np.cos(x)])
        sine, cosine = np.linalg.lstsq(waves(x), y, rcond=None)[0][:, 0]
        np.testing.assert_allclose(waves(x_query) @ [sine, cosine], y_query[:, 0], atol=1e-9)
        assert not set(x.ravel()) & set(x_query.ravel())
        found.append((np.hypot(sine, cosine), np.arctan2(-cosine, sine)))
    amplitude, phase = np.transpose(found)
    for values, low, high in ((amplitude, 0.1, 5), (phase, 0, np.pi), (tasks.query[0].ravel(), -5, 5)):
        assert low <= values.min() < values.max() <= high
        assert kstest(values, "uniform", (low, high - low)).pvalue > 1e-4
    assert abs(np.corrcoef(amplitude, phase)[0, 1]) < 0.1
