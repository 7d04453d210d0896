"""Ways to begin against the variances they are named for, and what becomes of a signal on the way through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn.initializers import he_normal, lecun_normal

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import resident, synthetic
from jaxicon.foundations.initialisation import (
    Config,
    Start,
    activations,
    glorot,
    he,
    initialisation,
    isometry,
    jacobian,
    layers,
    normal_small,
    relu_isometry,
    small_bias,
    xavier,
)

identity = lambda z: z


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    return initialisation(Config(depth=3), 3, {"he": Start(he), "orthogonal": Start(relu_isometry, small_bias)}), stream


def through(start, depth, width, activation):
    """Outputs of every layer in NumPy, with the input first: [depth + 1, b, width]."""
    hidden = layers(jax.random.key(3), start, depth, width)
    outputs = [np.random.default_rng(0).normal(size=(256, width))]
    for weights, bias in zip(*map(np.asarray, hidden), strict=True):
        outputs.append(np.asarray(activation(outputs[-1] @ weights + bias)))
    return np.array(outputs)


def ratios(outputs):
    """Of the root mean squares of successive layers."""
    scale = np.sqrt((outputs**2).mean((1, 2)))
    return scale[1:] / scale[:-1]


relu = lambda z: np.maximum(z, 0)


def test_the_layers_are_these_products_in_this_order(x64):
    start, x = Start(he, small_bias), np.random.default_rng(0).normal(size=(256, 7))
    ours = activations(layers(jax.random.key(3), start, 4, 7), jnp.asarray(x))
    np.testing.assert_allclose(ours, through(start, 4, 7, relu)[1:], rtol=1e-12)


@pytest.mark.system("init.normal_small")
def test_a_signal_fades_geometrically_from_small_normal_weights(key, x64):
    w = normal_small(key, (400, 500), float)
    assert float(w.var()) == pytest.approx(1e-4, rel=0.02)
    assert abs(float(w.mean())) < 1e-4
    fading = ratios(through(Start(normal_small), 10, 200, np.tanh))
    np.testing.assert_allclose(fading[1:], 0.01 * np.sqrt(200), rtol=0.1)  # tanh is linear by now
    assert through(Start(normal_small), 10, 200, np.tanh)[-1].std() < 1e-7


@pytest.mark.system("init.xavier")
def test_xavier_weights_keep_the_variance_of_a_linear_network(key, x64):
    w = xavier(key, (300, 700), float)
    assert float(w.var()) * 300 == pytest.approx(1, abs=0.02)
    assert float(w.var()) == pytest.approx(float(lecun_normal()(jax.random.key(1), (300, 700), float).var()), rel=0.02)
    assert float(glorot(jax.random.key(2), (300, 700), float).var()) * (300 + 700) / 2 == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(ratios(through(Start(xavier), 20, 400, identity)) ** 2, 1, atol=0.05)
    halved = ratios(through(Start(xavier), 20, 400, relu)) ** 2
    np.testing.assert_allclose(halved.mean(), 0.5, atol=0.02)  # half is lost at every ReLU


@pytest.mark.system("init.he")
def test_he_weights_keep_the_second_moment_through_twenty_relus(key, x64):
    w = he(key, (300, 700), float)
    assert float(w.var()) * 300 == pytest.approx(2, abs=0.04)
    assert float(w.var()) == pytest.approx(float(he_normal()(jax.random.key(1), (300, 700), float).var()), rel=0.02)
    # The layers are drawn independently, so the expectation after twenty is that of one to the power of twenty. One
    # network of width n deviates from it by a factor whose logarithm has a deviation of (20 * 5 / n)^(1/2).
    wide = relu(np.ones(4) @ np.asarray(he(jax.random.key(2), (4, 2_000_000), jnp.float32)))
    assert np.square(wide).mean(dtype=float) ** 20 == pytest.approx(1, abs=0.1)
    moments = (through(Start(he), 20, 600, relu) ** 2).mean((1, 2))
    assert abs(np.log(moments)).max() < 0.8


@pytest.mark.system("init.bias_const")
def test_a_positive_bias_switches_more_units_on(key, x64):
    np.testing.assert_array_equal(small_bias(key, (3, 4), float), np.full((3, 4), 0.1))
    on = lambda start: (through(start, 8, 200, relu)[1:] > 0).mean((1, 2))
    without, with_bias = on(Start(he)), on(Start(he, small_bias))
    np.testing.assert_allclose(without, 0.5, atol=0.06)
    assert (with_bias > without).all()
    # P(z > -0.1) of the first layer's z with E z^2 = 2
    assert with_bias[0] == pytest.approx(0.5282, abs=0.01)


@pytest.mark.system("init.orthogonal")
@pytest.mark.parametrize("shape", [(30, 30), (40, 20), (20, 40)])
def test_orthogonal_weights_have_only_singular_values_of_one(key, shape, x64):
    w = np.asarray(isometry(key, shape, float))
    assert w.shape == shape
    gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False), 1, atol=1e-12)


@pytest.mark.system("init.orthogonal")
def test_a_linear_network_of_orthogonal_layers_is_an_isometry(x64):
    outputs = through(Start(isometry), 20, 30, identity)
    lengths = np.linalg.norm(outputs, axis=2)
    np.testing.assert_allclose(lengths[1:], np.broadcast_to(lengths[0], (20, 256)), rtol=1e-12)
    spectrum = lambda start: np.linalg.svd(
        jacobian(layers(jax.random.key(3), start, 20, 30), jnp.ones(30), identity), compute_uv=False
    )
    np.testing.assert_allclose(spectrum(Start(isometry)), 1, atol=1e-12)
    gaussian = spectrum(Start(xavier))  # keeps lengths on average only
    assert gaussian[0] / gaussian[-1] > 1e6


@pytest.mark.system("init.orthogonal")
def test_orthogonal_weights_are_as_fair_as_singular_vectors(x64):
    """Every entry of a uniformly distributed orthogonal matrix has mean 0 and variance 1 / n."""
    w = np.asarray(jax.lax.map(lambda key: isometry(key, (3, 3), float), jax.random.split(jax.random.key(5), 4000)))
    left = np.linalg.svd(np.random.default_rng(0).normal(size=(4000, 3, 3)))[0]
    left *= np.random.default_rng(1).choice([-1, 1], (4000, 1, 3))  # LAPACK's signs are not random
    for kind in (w, left):
        np.testing.assert_allclose(kind.mean(0), 0, atol=0.045)
        np.testing.assert_allclose(kind.var(0), 1 / 3, atol=0.03)


def test_the_jacobian_is_the_product_of_the_layers(x64):
    hidden = layers(jax.random.key(3), Start(he, small_bias), 4, 6)
    x = np.random.default_rng(0).normal(size=6)
    slope, h = np.eye(6), x
    for weights, bias in zip(*map(np.asarray, hidden), strict=True):
        z = h @ weights + bias
        slope, h = np.diag(z > 0) @ weights.T @ slope, relu(z)
    np.testing.assert_allclose(jacobian(hidden, jnp.asarray(x)), slope, atol=1e-12)


@pytest.mark.slow
def test_networks_side_by_side_are_those_by_themselves(key, x64):
    """One step of the second one is gradient descent on its own loss."""
    method, stream = example()
    batch = stream.draw(stream.plan(jax.random.key(4), jnp.arange(1), ())[0], ())
    state = method.init(key, batch)
    after, metrics = method.step(jax.random.key(1), state, batch)
    second, moved = (jax.tree.map(lambda leaf: leaf[1], s.params) for s in (state, after))

    def own(net):
        logits = activations(net.hidden, batch[0])[-1] @ net.head
        p = jax.nn.softmax(logits)
        return -jnp.log(p[jnp.arange(8), batch[1]]).mean()

    assert float(metrics["loss_orthogonal"]) == pytest.approx(float(own(second)), rel=1e-12)
    for new, old, slope in zip(*map(jax.tree.leaves, (moved, second, jax.grad(own)(second))), strict=True):
        np.testing.assert_allclose(new, old - 0.01 * slope, atol=1e-14)


@pytest.mark.system("init.he")
def test_only_a_network_that_hands_the_signal_on_learns(key):
    x = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    starts = {"he": Start(he), "small": Start(normal_small)}
    method = initialisation(Config(depth=8, learning_rate=0.05), 2, starts)
    state, _ = train(jax.random.clone(key), method, resident((x, y), 64), 300)
    found = evaluate(key, method, state, resident((x, y), 300), 1)
    assert found["accuracy_he"] > 0.9
    assert found["accuracy_small"] < 0.6
    assert found["loss_small"] > 0.68


def test_bad_numbers_and_batches_are_named(key):
    with pytest.raises(ConfigError, match="initialisation: learning_rate is -1"):
        initialisation(Config(learning_rate=-1.0), 3, {"he": Start(he)})
    with pytest.raises(ConfigError, match="initialisation: depth is 0"):
        initialisation(Config(depth=0), 3, {"he": Start(he)})
    with pytest.raises(DataError, match=r"initialisation: x has shape \(0, 5\)"):
        initialisation(Config(), 3, {"he": Start(he)}).init(key, (jnp.zeros((0, 5)), jnp.zeros(0, jnp.int32)))
