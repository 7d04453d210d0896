import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.nn.time_mlp import sinusoidal, time_mlp


def test_frequencies_fall_from_one_to_a_ten_thousandth(x64):
    t = np.array([0, 3, 1000])
    ours = np.asarray(sinusoidal(jnp.asarray(t), 8))
    for i, frequency in enumerate((1, 10_000 ** (-1 / 3), 10_000 ** (-2 / 3), 1e-4)):
        np.testing.assert_allclose(ours[:, i], np.sin(frequency * t), atol=1e-12)
        np.testing.assert_allclose(ours[:, 4 + i], np.cos(frequency * t), atol=1e-12)


def test_the_network_is_a_loop_over_its_blocks(x64, key):
    init_key, noise_key, x_key = jax.random.split(key, 3)
    network = time_mlp(6, 2)
    x, t = jax.random.normal(x_key, (5, 3)), jnp.array([1, 2, 30, 400, 1000])
    params = jax.jit(network.init)(init_key, x, t)
    np.testing.assert_array_equal(network.apply(params, x, t), 0)

    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(noise_key, len(leaves))
    params = jax.tree.unflatten(tree, [jax.random.normal(k, w.shape) for k, w in zip(keys, leaves, strict=True)])
    dense = jax.tree.map(np.asarray, params["params"])
    affine = lambda i, x: x @ dense[f"Dense_{i}"]["kernel"] + dense[f"Dense_{i}"].get("bias", 0)
    silu = lambda x: x / (1 + np.exp(-x))
    time, h = np.asarray(sinusoidal(t, 64)), affine(0, np.asarray(x))
    for block in range(2):
        inner = affine(3 * block + 1, silu(h)) + affine(3 * block + 2, time)
        h = h + affine(3 * block + 3, silu(inner))
    np.testing.assert_allclose(network.apply(params, x, t), affine(7, silu(h)) + x * affine(8, time), rtol=1e-10)
