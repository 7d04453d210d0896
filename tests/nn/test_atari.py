"""Against torch, which has channels before space, and the published number of parameters."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.nn.atari import dqn_atari, minatar

GOLDEN = Path(__file__).parents[1] / "golden" / "atari.npz"
SHAPES = {"dqn_atari": (dqn_atari(4), (84, 84, 4)), "minatar": (minatar(3), (10, 10, 4))}


def of_torch(arrays: dict, shape: dict) -> dict:
    """Its weights by our names: kernels [o, i, h, w] and matrices [o, i] transposed, the first matrix's rows reordered
    from (channel, row, column) to (row, column, channel)."""
    convolutions = [n for n in shape if n.startswith("Conv")]
    layers = {}
    for i, name in enumerate([*convolutions, "Dense_0", "Dense_1"]):
        weight = arrays[f"{i}/weight"].astype(float)
        if name == "Dense_0":
            channels = arrays[f"{i - 1}/weight"].shape[0]
            side = int((weight.shape[1] // channels) ** 0.5)
            weight = weight.reshape(-1, channels, side, side).transpose(0, 2, 3, 1).reshape(weight.shape)
        kernel = weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T
        layers[name] = {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(arrays[f"{i}/bias"].astype(float))}
    return {"params": layers}


@pytest.mark.system("rl.dqn_atari_net")
@pytest.mark.parametrize("name", SHAPES)
def test_outputs_are_those_of_torch(name, x64, key):
    net, _ = SHAPES[name]
    arrays = {k.removeprefix(f"{name}/"): v for k, v in np.load(GOLDEN).items() if k.startswith(name)}
    x = jnp.asarray(arrays["x"].transpose(0, 2, 3, 1))
    mine = jax.eval_shape(net.init, key, x)
    params = of_torch(arrays, mine["params"])
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, mine)
    y = jax.jit(net.apply)(params, x)
    assert np.abs(arrays["y"]).max() > 0.04
    np.testing.assert_allclose(y, arrays["y"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(jax.jit(net.apply)(params, x[None]), y[None], rtol=1e-12)


@pytest.mark.system("rl.dqn_atari_net")
def test_there_are_as_many_parameters_as_in_the_paper(key):
    count = lambda net, shape: sum(x.size for x in jax.tree.leaves(jax.eval_shape(net.init, key, jnp.zeros(shape))))
    assert count(*SHAPES["dqn_atari"]) == 677_172
    assert count(*SHAPES["minatar"]) == (9 * 4 + 1) * 16 + (64 * 16 + 1) * 128 + 129 * 3
    assert count(minatar(3, 1.0, 8, 64), (10, 10, 4)) == (9 * 4 + 1) * 8 + (64 * 8 + 1) * 64 + 65 * 3


def test_the_last_layer_starts_orthogonal_and_scaled(key):
    last = jax.jit(minatar(3, 0.01).init)(key, jnp.zeros((10, 10, 4), bool))["params"]["Dense_1"]["kernel"]
    np.testing.assert_allclose(last.T @ last, 1e-4 * np.eye(3), atol=1e-9)
