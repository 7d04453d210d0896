"""Conv is flax.linen.Conv; a network made of it differs from Flax's in speed alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxicon.nn.conv import Conv, avg_pool, cnn

OPTIONS = [
    dict(features=6, kernel_size=(3, 3)),
    dict(features=4, kernel_size=(3, 2), strides=(2, 1), padding="VALID", use_bias=False),
    dict(features=6, kernel_size=(3, 3), kernel_dilation=(2, 2), feature_group_count=2, padding=((1, 2), (2, 0))),
    dict(features=5, kernel_size=(4,), strides=2),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_same_parameters_and_same_function_as_flax(key, options):
    space = (7, 8)[: len(options["kernel_size"])]
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *space, 4)), jnp.float32)
    ours, theirs = Conv(**options), linen.Conv(**options)
    params, expected = (jax.jit(module.init)(jax.random.clone(key), x) for module in (ours, theirs))
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    np.testing.assert_allclose(jax.jit(ours.apply)(params, x), jax.jit(theirs.apply)(params, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pool", ["max", "avg"])
def test_cnn_is_the_network_that_flax_makes(key, x64, pool):
    """Seven rows and nine columns: pooling by two leaves the last ones out. Parameters follow the default float."""

    class Expected(linen.Module):
        @linen.compact
        def __call__(self, x):
            reduce = {"max": linen.max_pool, "avg": linen.avg_pool}[pool]
            for features in (4, 6):
                x = linen.relu(linen.Conv(features, (3, 3), param_dtype=float)(x))
                x = reduce(x, (2, 2), (2, 2))
            x = linen.relu(linen.Dense(8, param_dtype=float)(x.reshape(3, -1)))
            return linen.Dense(5, param_dtype=float)(x)

    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 7, 9, 2)))
    net = cnn((4, 6), 8, 5, **({} if pool == "max" else {"pool": avg_pool}))
    params = jax.jit(net.init)(key, x)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float64")}

    def loss(apply, params):
        return jnp.square(apply(params, x)).sum()

    value, grads = jax.jit(jax.value_and_grad(partial(loss, net.apply)))(params)
    expected, theirs = jax.jit(jax.value_and_grad(partial(loss, Expected().apply)))(params)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-12), grads, theirs)
