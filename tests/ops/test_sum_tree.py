import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.ops.sum_tree import find, put, strata, total, zeros


def built(leaves):
    """The tree with these leaves, from one call."""
    return put(zeros(len(leaves)), jnp.arange(len(leaves)), jnp.asarray(leaves))


@pytest.mark.system("rl.per")
@pytest.mark.parametrize("leaves", [1, 5, 16, 17, 300, 5000])
def test_every_height_falls_on_the_leaf_of_the_running_sum(x64, leaves):
    """Whole numbers, a third of them 0, so that the sums are exact: NumPy's cumsum and searchsorted decide."""
    random = np.random.default_rng(leaves)
    values = (random.integers(1, 10, leaves) * (random.random(leaves) < 2 / 3)).astype(float)
    values[leaves // 2] = 3.0
    sums, tree = values.cumsum(), built(values)
    assert total(tree) == sums[-1]
    heights = np.concatenate([np.arange(1, sums[-1] + 1), random.uniform(0, sums[-1], 500), [1e-300]])
    np.testing.assert_array_equal(jax.jit(find)(tree, jnp.asarray(heights)), np.searchsorted(sums, heights))


@pytest.mark.system("rl.per")
def test_after_a_hundred_thousand_changes_the_sums_are_as_good_as_new():
    """In float32, values of 1e3 and then of 1e-3: every node to the last digit, where a running total has none left."""
    random, eps = np.random.default_rng(0), np.finfo(np.float32).eps
    index = np.stack([random.choice(1000, 50, replace=False) for _ in range(2000)]).astype(np.int32)
    values = (random.uniform(1, 9, index.shape) * np.repeat([[1e3], [1e-3]], 1000, 0)).astype(np.float32)
    change = lambda tree, now: (put(tree, *now), None)
    tree = jax.jit(lambda tree, *changes: jax.lax.scan(change, tree, changes)[0])(zeros(1000), index, values)
    leaves, running = np.zeros(1000, np.float32), np.float32(0)
    for where, what in zip(index, values, strict=True):
        running += (what - leaves[where]).sum(dtype=np.float32)
        leaves[where] = what
    np.testing.assert_array_equal(tree[0][:1000], leaves)
    for level, below in ((1, 16), (2, 256), (3, 4096)):
        sums = [math.fsum(leaves[i : i + below].tolist()) for i in range(0, 1000, below)]
        np.testing.assert_allclose(tree[level][: len(sums)], sums, rtol=4 * eps)
    assert abs(float(running) / sums[0] - 1) > 0.1


@pytest.mark.system("rl.per")
def test_draws_have_the_frequencies_of_the_leaves(key):
    """20,000 single draws by chi-square; then 500 at once: each leaf gets its share within one at either end."""
    values = np.array([0.0, 3.0, 0.5, 0.0, 8.0, 1.0, *[0.25] * 30, 0.0])
    tree, shares = built(values), values / values.sum()
    one = jax.jit(jax.vmap(lambda key: strata(key, tree, 1)[0]))
    counts = np.bincount(one(jax.random.split(jax.random.fold_in(key, 0), 20_000)), minlength=values.size)
    assert (counts[values == 0] == 0).all()
    assert chisquare(counts[values > 0], 20_000 * shares[values > 0]).pvalue > 1e-3
    counts = np.bincount(strata(jax.random.fold_in(key, 1), tree, 500), minlength=values.size)
    assert (np.abs(counts - 500 * shares) < 2).all()


def test_no_height_falls_on_a_leaf_of_nothing(key):
    """In float32, where the children's sum may be rounded otherwise than their running one: at the very top too."""
    values = (10 ** jax.random.uniform(key, (3000,), minval=-4, maxval=4)).at[1::2].set(0)
    tree = built(values)
    heights = total(tree) * jnp.concatenate([1 - jnp.logspace(-8, -1, 500), jnp.logspace(-9, 0, 500), jnp.ones(1)])
    found = jax.jit(find)(tree, heights)
    assert (found < 3000).all()
    assert (values[found] > 0).all()
