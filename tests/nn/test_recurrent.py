"""Against the equations of the GRU in NumPy."""

import numpy as np

from jaxicon.nn.recurrent import recurrent_actor_critic


def test_the_heads_see_the_memory_after_the_observation(x64, key):
    net, rng = recurrent_actor_critic(4, (), 3), np.random.default_rng(0)
    obs, memory = rng.normal(size=(2, 5)), rng.normal(size=(2, 4))
    params = net.init(key, obs, memory)
    output, value, after = net.apply(params, obs, memory)
    cell = {name: np.asarray(x) for name, x in params["cell"].items()}
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    given = obs @ cell["input"] + cell["bias"]
    z, r = np.split(sigmoid(memory @ cell["gates"] + given[:, :8]), 2, 1)
    wanted = z * memory + (1 - z) * np.tanh((r * memory) @ cell["candidate"] + given[:, 8:])
    np.testing.assert_allclose(after, wanted, rtol=1e-12)
    affine = lambda name: wanted @ params[name]["params"]["Dense_0"]["kernel"]
    np.testing.assert_allclose(output, affine("actor"), rtol=1e-12)
    np.testing.assert_allclose(value, affine("critic")[:, 0], rtol=1e-12)
    single = net.apply(params, obs[1], memory[1])
    for one, all_ in zip(single, (output, value, after), strict=True):
        np.testing.assert_allclose(one, all_[1], rtol=1e-12)
