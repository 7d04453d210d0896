"""A network is the pair of functions that a Flax module computes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.nn.mlp import forward, mlp, tanh_mlp
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


@pytest.mark.slow
def test_a_tanh_mlp_starts_orthogonal_and_with_zero_biases(key):
    net = tanh_mlp(16, 8, 2, scale=0.01)
    layers = net.init(key, jnp.zeros(3))["params"]
    for i, scale in enumerate((2**0.5, 2**0.5, 0.01)):
        long = np.asarray(layers[f"Dense_{i}"]["kernel"])
        gram = long.T @ long if long.shape[0] > long.shape[1] else long @ long.T
        np.testing.assert_allclose(gram, scale**2 * np.eye(len(gram)), atol=1e-5 * scale**2)
        np.testing.assert_array_equal(layers[f"Dense_{i}"]["bias"], 0)
    first, second, last = (np.asarray(layers[f"Dense_{i}"]["kernel"]) for i in range(3))
    x = np.array([0.5, -1.0, 2.0])
    wanted = np.tanh(np.tanh(x @ first) @ second) @ last
    np.testing.assert_allclose(net.apply({"params": layers}, jnp.asarray(x)), wanted, rtol=1e-4)
