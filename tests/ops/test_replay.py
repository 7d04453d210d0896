import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.ops.replay import append, empty, sample

SYSTEM = pytest.mark.system("rl.q_replay")


def filled(rows: int):
    """A ring of 12 after `rows` rows, 4 at a time, against a list that drops its oldest."""
    ring, kept = empty({"x": jnp.float32(0), "y": jnp.zeros(2, int)}, 12), []
    for start in range(0, rows, 4):
        x = jnp.arange(start, start + 4)
        ring = append(ring, {"x": x.astype(jnp.float32), "y": jnp.stack([x, -x], 1)})
        kept = (kept + list(range(start, start + 4)))[-12:]
    return ring, kept


@SYSTEM
@pytest.mark.parametrize("rows", [4, 12, 16, 28])
def test_the_oldest_rows_are_overwritten(rows):
    ring, kept = filled(rows)
    held = ring.rows["x"][: min(rows, 12)]
    assert sorted(held.tolist()) == kept
    np.testing.assert_array_equal(ring.rows["y"], np.stack([ring.rows["x"], -ring.rows["x"]], 1).astype(int))


@SYSTEM
@pytest.mark.parametrize("rows", [4, 8, 20])
def test_sampling_is_uniform_over_what_is_held(rows, key):
    ring, kept = filled(rows)
    drawn = np.asarray(sample(key, ring, 24_000)["x"], int)
    assert set(drawn) == set(kept)
    counts = np.bincount(drawn)[kept]
    assert chisquare(counts).pvalue > 1e-3


def test_a_row_is_sampled_whole(key):
    rows = sample(key, filled(12)[0], 100)
    np.testing.assert_array_equal(rows["y"][:, 0], rows["x"])
    np.testing.assert_array_equal(rows["y"][:, 1], -rows["x"])


def test_a_ring_that_is_no_multiple_is_refused(key):
    with pytest.raises(AssertionError, match="12 rows takes no 5"):
        append(empty(jnp.float32(0), 12), jnp.zeros(5))
