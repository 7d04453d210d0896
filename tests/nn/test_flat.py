import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxicon.nn.flat import flat
from jaxicon.nn.mlp import mlp


def test_a_flat_network_is_the_network_of_the_parameters_in_the_vector(x64, key):
    net, x = mlp(5, 2), jax.random.normal(jax.random.key(1), (4, 3))
    params = net.init(jax.random.clone(key), x)
    vector = flat(net).init(key, x)
    np.testing.assert_array_equal(vector, ravel_pytree(params)[0])
    np.testing.assert_allclose(flat(net).apply(vector, x), net.apply(params, x), rtol=1e-14)
    grads = jax.grad(lambda params: jnp.sin(net.apply(params, x)).sum())(params)
    got = jax.grad(lambda vector: jnp.sin(flat(net).apply(vector, x)).sum())(vector)
    np.testing.assert_allclose(got, ravel_pytree(grads)[0], rtol=1e-12)
