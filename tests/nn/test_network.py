"""A network is the pair of functions that a Flax module computes."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.nn.mlp import forward, mlp
from jaxicon.nn.network import default_float, from_linen, from_nnx


def test_an_nnx_module_becomes_a_pair_of_pure_functions(key):
    from flax import nnx

    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.dense = nnx.Linear(3, 3, rngs=rngs)

        def __call__(self, x):
            return self.dense(self.dense(x))

    net = from_nnx(Twice)
    x = jnp.arange(6.0).reshape(2, 3)
    params = jax.jit(net.init)(key, x)
    kernel, bias = params["dense"]["kernel"], params["dense"]["bias"]
    np.testing.assert_allclose(net.apply(params, x), (x @ kernel + bias[None]) @ kernel + bias[None], rtol=1e-5)
    grads = jax.grad(lambda params: net.apply(params, x).sum())(params)
    assert all(np.abs(leaf).sum() > 0 for leaf in jax.tree.leaves(grads))


def test_forward_reads_the_sizes_off_the_parameters(key):
    net, x = mlp(5, 4, activation=jnp.tanh), jnp.ones((2, 3))
    params = net.init(key, x)
    hidden = np.tanh(x @ params["params"]["Dense_0"]["kernel"] + params["params"]["Dense_0"]["bias"][None])
    expected = hidden @ params["params"]["Dense_1"]["kernel"] + params["params"]["Dense_1"]["bias"][None]
    np.testing.assert_allclose(forward(params, x, jnp.tanh), expected, rtol=1e-5)


def test_parameters_have_the_default_float(request, key):
    from flax import linen

    assert default_float() == jnp.float32
    request.getfixturevalue("x64")
    single = jax.eval_shape(from_linen(linen.Dense(2)).init, key, jnp.ones((1, 3), jnp.float32))
    double = jax.eval_shape(mlp(2).init, key, jnp.ones((1, 3)))
    dtypes = lambda params: {x.dtype for x in jax.tree.leaves(params)}
    assert dtypes(single) == {jnp.dtype("float32")}  # Flax's own choice, which the networks here do not leave to it
    assert dtypes(double) == {jnp.dtype("float64")} == {default_float()}
