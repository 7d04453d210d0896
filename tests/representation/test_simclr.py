"""SimCLR's loss on its own views, and what its features are worth."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import fresh, train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.ops.augmentation import random_affine
from jaxicon.representation.linear_probe import accuracy, linear_probe
from jaxicon.representation.simclr import Config, simclr, two_views

TINY = Config(channels=(2,), features=4, projection=(4, 3))
LIGHT = partial(random_affine, degrees=10, zoom=0.1, shift=1)


def example():
    """Wide enough for a gradient: where all ReLUs are dead, Adam makes steps of rounding errors."""
    images = np.random.default_rng(0).uniform(size=(12, 4, 4, 1)).astype(np.float32)
    return simclr(Config(channels=(8,), features=16, projection=(16, 3)), LIGHT), epochs(images, 4)


def test_views_of_one_image_differ_and_stay_with_it(key):
    x = jnp.arange(6.0)[:, None, None, None] * 10 * jnp.ones((6, 2, 2, 1))
    a, b = two_views(key, x, lambda key, image: image + jax.random.uniform(key))
    assert ((a >= x) & (a < x + 1) & (b >= x) & (b < x + 1)).all()
    assert len({float(v) for v in (jnp.concatenate([a, b]) % 10)[:, 0, 0, 0]}) == 12


@pytest.mark.system("repr.simclr")
def test_loss_is_that_of_the_projected_views_of_the_shared_encoder(key, x64):
    """Convolution, ReLU, pooling, a linear layer; a perceptron of one hidden layer; then 2n - 1 classes: in NumPy."""
    marked = lambda key, image: image * jnp.where(jax.random.bernoulli(key), 1.0, 0.5)
    method, x = simclr(TINY, marked), jnp.asarray(np.random.default_rng(0).uniform(size=(3, 4, 4, 1)))
    draw = np.random.default_rng(1).normal  # all weights and biases, none of them zero
    state = jax.tree.map(lambda a: jnp.asarray(draw(size=a.shape), a.dtype), jax.eval_shape(method.init, key, x))
    params = jax.tree.map(np.asarray, {name: tree["params"] for name, tree in state.params.items()})
    dense = lambda layer, h: h @ layer["kernel"] + layer["bias"]

    def encoded(image):
        filters, padded = params["encoder"]["Conv_0"], np.pad(image[:, :, 0], 1)
        at = lambda i, j: np.tensordot(padded[i : i + 3, j : j + 3], filters["kernel"][:, :, 0], 2) + filters["bias"]
        seen = np.array([[at(i, j) for j in range(4)] for i in range(4)]).clip(0)
        return dense(params["encoder"]["Dense_0"], seen.reshape(2, 2, 2, 2, 2).max((1, 3)).ravel())

    step_key = jax.random.key(3)
    views = np.stack(two_views(jax.random.clone(step_key), x, marked))
    hidden = lambda image: dense(params["projector"]["Dense_0"], encoded(image)).clip(0)
    z = np.array([[dense(params["projector"]["Dense_1"], hidden(image)) for image in view] for view in views])
    z = (z / np.linalg.norm(z, axis=-1, keepdims=True)).reshape(6, 3)
    near = np.exp(z @ z.T / TINY.temperature)
    loss = -np.mean([np.log(near[i, (i + 3) % 6] / (near[i].sum() - near[i, i])) for i in range(6)])
    np.testing.assert_allclose(method.evaluate(step_key, state, x)["loss"], loss, rtol=1e-10)
    np.testing.assert_allclose(method.encode(state, x), [encoded(image) for image in np.asarray(x)], rtol=1e-10)


@pytest.mark.slow
@pytest.mark.system("repr.simclr", "repr.linear_probe")
def test_features_learned_without_labels_are_worth_more_to_a_probe_that_leaves_them_alone(key):
    (x, y), (x_test, y_test) = digits()
    images, held_out = (jnp.asarray(part.reshape(-1, 8, 8, 1)) for part in (x, x_test))
    method = simclr(Config(channels=(16, 32), features=64, learning_rate=2e-3), LIGHT)
    stream = epochs(images, 64)
    start = fresh(jax.random.clone(key), method, stream)
    state, _ = train(key, method, stream, 200, state=start)

    @jax.jit
    def probed(state):
        h, test = method.encode(state, images), method.encode(state, held_out)
        mean, std = h.mean(0, keepdims=True), h.std(0, keepdims=True) + 1e-6
        h, test = (h - mean) / std, (test - mean) / std
        return accuracy(linear_probe(h[:100], jnp.asarray(y[:100]), 10), test, jnp.asarray(y_test))

    before = jax.tree.map(np.array, state.params)
    assert probed(state) > probed(start) + 0.03
    jax.tree.map(np.testing.assert_array_equal, state.params, before)
