"""The multi-head ensemble against SciPy's correlation and a loop over heads, which may not see each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d
from scipy.special import log_softmax

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import train
from jaxicon.core.stream import synthetic
from jaxicon.foundations.multihead import Config, multihead

TINY = Config(heads=3, channels=(2,), features=5, hidden=(4,), learning_rate=1e-2)
IMAGES = np.random.default_rng(0).normal(size=(7, 4, 4, 1))
LABELS = np.arange(7, dtype=np.int32) % 3


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (7, 4, 4, 1)), jnp.arange(7) % 3))
    return multihead(TINY, classes=3), stream


def affine(x, layer):
    return x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


def features_by_hand(params, image):
    """Convolution by SciPy, ReLU, the largest of each 2 x 2 cell, a dense layer, ReLU."""
    kernel, bias = (np.asarray(params["Conv_0"][name]) for name in ("kernel", "bias"))
    maps = [correlate2d(image[..., 0], kernel[..., 0, c], "same") + bias[c] for c in range(kernel.shape[-1])]
    cells = np.maximum(np.stack(maps, -1), 0).reshape(2, 2, 2, 2, -1).max((1, 3))
    return np.maximum(affine(cells.reshape(-1), params["Dense_0"]), 0)


def heads_by_hand(params, images):
    """log p_j(y | x) as [head, image, class]."""
    h = np.array([features_by_hand(params["trunk"]["params"], image) for image in images])
    each = [jax.tree.map(lambda p: p[j], params["heads"]["params"]) for j in range(TINY.heads)]
    return np.array([log_softmax(affine(np.maximum(affine(h, p["Dense_0"]), 0), p["Dense_1"]), axis=1) for p in each])


def count(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


@pytest.mark.system("ens.multihead")
def test_heads_on_one_trunk_are_averaged(key, x64):
    method, stream = example()
    state, _ = train(key, method, stream, 5)
    log_p = heads_by_hand(state.params, IMAGES)
    mean = np.log(np.exp(log_p).mean(0))
    np.testing.assert_allclose(method.predict(state, jnp.asarray(IMAGES)), mean, atol=1e-12)
    found = method.evaluate(jax.random.key(1), state, (jnp.asarray(IMAGES), jnp.asarray(LABELS)))
    each = -log_p[:, np.arange(7), LABELS].mean(1)
    assert found["nll"] == pytest.approx(-mean[np.arange(7), LABELS].mean(), abs=1e-12)
    assert found["member_nll"] == pytest.approx(each.mean(), abs=1e-12)
    assert found["nll"] < each.mean()


@pytest.mark.slow
@pytest.mark.system("ens.multihead")
@pytest.mark.parametrize("heads", [1, 4, 9])
def test_more_heads_cost_no_more_trunk(heads, key):
    config = Config(heads=heads, channels=(16, 32), features=64, hidden=(16,))
    batch = (jnp.zeros((1, 8, 8, 1)), jnp.zeros(1, jnp.int32))
    params = multihead(config, classes=10).init(key, batch).params
    assert count(params["trunk"]) == (9 + 1) * 16 + (9 * 16 + 1) * 32 + (2 * 2 * 32 + 1) * 64
    assert count(params["heads"]) == heads * ((64 + 1) * 16 + (16 + 1) * 10)


@pytest.mark.slow
@pytest.mark.system("ens.multihead")
def test_heads_differ_and_do_not_see_each_other(key, x64):
    """Head 0 learns the same whatever head 1 says; the trunk does not, for its gradient is the heads' mean."""
    method, _ = example()
    batch = (jnp.asarray(IMAGES), jnp.asarray(LABELS))
    state = method.init(jax.random.key(1), batch)
    kernel = state.params["heads"]["params"]["Dense_0"]["kernel"]
    assert len(np.unique(kernel.reshape(3, -1), axis=0)) == 3
    other = jax.tree.map(lambda p: p.at[1].multiply(3.0), state.params["heads"])
    slopes = []
    for heads in (state.params["heads"], other):
        changed = state._replace(params=state.params | {"heads": heads})
        after, _ = method.step(jax.random.clone(key), changed, batch)
        slopes.append(after.opt_state[0].mu)  # (1 - 0.9) times the gradient after one step of Adam
    first, second = (jax.tree.map(lambda p: p[0], mu["heads"]) for mu in slopes)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-14), first, second)
    kernel = [mu["trunk"]["params"]["Dense_0"]["kernel"] for mu in slopes]
    assert abs(kernel[0] - kernel[1]).max() > 1e-4


def test_wrong_arguments_are_named(key):
    with pytest.raises(ConfigError, match="multihead: heads is 0"):
        multihead(Config(heads=0), classes=3)
    with pytest.raises(DataError, match="expected 4 axes"):
        multihead(TINY, classes=3).init(key, (np.zeros((2, 64)), LABELS[:2]))
