import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.nn.critic import critics


def test_every_critic_is_a_perceptron_of_its_own_over_state_and_action(x64, key):
    net = critics(8, count=2)
    obs, action = jax.random.normal(jax.random.key(1), (5, 3)), jax.random.normal(jax.random.key(2), (5, 2))
    params = net.init(key, obs, action)
    layers = params["params"]
    both = np.concatenate([obs, action], 1)
    for i in range(2):
        affine = lambda x, name: x @ np.asarray(layers[name]["kernel"])[i] + np.asarray(layers[name]["bias"])[i]
        wanted = affine(np.maximum(affine(both, "Dense_0"), 0), "Dense_1")[:, 0]
        np.testing.assert_allclose(net.apply(params, obs, action)[i], wanted, rtol=1e-12)
    kernel = layers["Dense_0"]["kernel"]
    assert kernel.shape == (2, 5, 8)
    assert not jnp.array_equal(kernel[0], kernel[1])
