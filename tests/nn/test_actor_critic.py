"""Against NumPy, layer by layer."""

import jax
import numpy as np

from jaxicon.nn.actor_critic import shared_trunk, side_by_side, two_networks
from jaxicon.nn.mlp import mlp


def dense(params, i, x):
    layer = params["params"][f"Dense_{i}"]
    return np.asarray(x) @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


def test_two_networks_are_two_perceptrons(x64, key):
    net, obs = two_networks((5, 4), 3), np.linspace(-1, 1, 14).reshape(2, 7)
    params = net.init(key, obs)
    output, value = net.apply(params, obs)
    for name, got in (("actor", output), ("critic", value[:, None])):
        p = params[name]
        hidden = np.tanh(dense(p, 1, np.tanh(dense(p, 0, obs))))
        np.testing.assert_allclose(got, dense(p, 2, hidden), rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(params["actor"]["params"]["Dense_2"]["kernel"], axis=0), 0.01)


def test_a_shared_trunk_has_two_affine_heads(x64, key):
    net, obs = shared_trunk((5, 4), 3), np.linspace(-1, 1, 14).reshape(2, 7)
    params = net.init(key, obs)
    output, value = net.apply(params, obs)
    features = np.tanh(dense(params["trunk"], 1, np.tanh(dense(params["trunk"], 0, obs))))
    np.testing.assert_allclose(output, dense(params["actor"], 0, features), rtol=1e-12)
    np.testing.assert_allclose(value, dense(params["critic"], 0, features)[:, 0], rtol=1e-12)


def test_networks_side_by_side_start_differently(key):
    params = side_by_side(mlp(1), mlp(1)).init(key, np.zeros(3))
    actor, critic = (params[name]["params"]["Dense_0"]["kernel"] for name in ("actor", "critic"))
    assert not np.array_equal(actor, critic)
    assert len(jax.tree.leaves(params)) == 4
