"""A layered network computes what its layers say, and can be entered and left anywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from jax import lax

from jaxicon.core.errors import ConfigError
from jaxicon.nn.layered import Layered, avg_pool, conv, dense, flatten, max_pool, relu, without_params

NET = Layered(
    {
        "conv1": conv(4),
        "relu1": relu,
        "pool1": max_pool(2),
        "conv2": conv(6, 2, 2, "VALID"),
        "relu2": relu,
        "pool2": avg_pool(2, 1),
        "flatten": flatten,
        "dense": dense(5),
    }
)
SHAPES = dict(conv1=(9, 8, 4), relu1=(9, 8, 4), pool1=(4, 4, 4), conv2=(2, 2, 6), relu2=(2, 2, 6), pool2=(1, 1, 6))


@pytest.fixture
def case(key, x64):
    """Parameters whose biases are not zero, and three images."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 9, 8, 2)))
    params = jax.jit(NET.init)(key, x)
    shifted = lambda path, leaf: leaf + 0.1 if path[-1].key == "bias" else leaf
    return jax.tree.map_with_path(shifted, params), x


def test_every_layer_is_what_xla_and_flax_make_of_it(case):
    params, x = case
    conv2d = lambda p, x, strides, padding: (
        lax.conv_general_dilated(x, p["kernel"], strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        + p["bias"].reshape(1, 1, 1, -1)
    )

    @jax.jit
    def expected(params, x):
        first = conv2d(params["conv1"], x, (1, 1), "SAME")
        pooled = linen.max_pool(linen.relu(first), (2, 2), (2, 2))
        second = conv2d(params["conv2"], pooled, (2, 2), "VALID")
        mean = linen.avg_pool(linen.relu(second), (2, 2), (1, 1))
        logits = mean.reshape(3, -1) @ params["dense"]["kernel"] + params["dense"]["bias"].reshape(1, -1)
        return dict(conv1=first, pool1=pooled, conv2=second, pool2=mean, dense=logits)

    outputs = jax.jit(NET.activations)(params, x)
    assert outputs.keys() == NET.layers.keys()
    assert {name: outputs[name].shape[1:] for name in SHAPES} == SHAPES
    assert {leaf.dtype for leaf in jax.tree.leaves((params, outputs))} == {jnp.dtype("float64")}
    for name, value in expected(params, x).items():
        np.testing.assert_allclose(outputs[name], value, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(jax.jit(NET.apply)(params, x), outputs["dense"])


@pytest.mark.slow
def test_without_biases_every_layer_explains_the_whole_output(case):
    """Affine maps, ReLUs and poolings without biases are homogeneous: f = sum of h df/dh at every layer h (Euler)."""
    params, x = case
    params = {name: {k: v for k, v in p.items()} | ({"bias": 0 * p["bias"]} if p else {}) for name, p in params.items()}

    @jax.jit
    def explained(params, x):
        def one(name, h):
            score, gradient = jax.value_and_grad(lambda h: NET.apply(params, h, after=name)[:, 0].sum())(h)
            return score, (h * gradient).sum()

        return {name: one(name, h) for name, h in NET.activations(params, x).items()}

    for total, score in explained(params, x).values():
        np.testing.assert_allclose(total, score, rtol=1e-12)
        np.testing.assert_allclose(total, NET.apply(params, x)[:, 0].sum(), rtol=1e-10)


def test_kernels_are_lecun_normal(key):
    """Variance 1 / (window * channels), up to the error of 90,000 draws."""
    kernel = jax.jit(conv(1000).init)(key, jnp.zeros((1, 4, 4, 10)))["kernel"]
    assert kernel.shape == (3, 3, 10, 1000)
    np.testing.assert_allclose(kernel.var() * 90, 1, rtol=0.02)


def test_a_layer_without_parameters_is_its_function(key):
    net = Layered({"square": without_params(jnp.square), "sum": without_params(lambda x: x.sum(-1))})
    params = net.init(key, jnp.ones((1, 3)))
    assert params == {"square": {}, "sum": {}}
    assert net.apply(params, jnp.array([[1.0, 2.0, 3.0]])).tolist() == [14]


@pytest.mark.system("found.flatten")
def test_flatten_lays_rows_columns_and_channels_behind_each_other(key):
    x = jnp.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert flatten.init(key, x) == {}
    flat = flatten.apply({}, x)
    assert flat.shape == (2, 60)
    assert [int(flat[1, (2 * 4 + 3) * 5 + 4]), int(flat[1, (1 * 4 + 2) * 5 + 3])] == [x[1, 2, 3, 4], x[1, 1, 2, 3]]
    np.testing.assert_array_equal(flat.reshape(x.shape), x)


@pytest.mark.system("found.keras_sequential")
def test_a_stack_is_the_composition_of_its_layers(key, x64):
    stack = Layered({"hidden": dense(4), "relu": relu, "output": dense(2)})
    x = np.random.default_rng(0).normal(size=(3, 5))
    params = stack.init(key, jnp.asarray(x))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == (5 + 1) * 4 + (4 + 1) * 2
    (w, b), (v, c) = ([np.asarray(params[name][part]) for part in ("kernel", "bias")] for name in ("hidden", "output"))
    np.testing.assert_allclose(stack.apply(params, jnp.asarray(x)), np.maximum(x @ w + b, 0) @ v + c, rtol=1e-12)


@pytest.mark.system("found.keras_sequential")
def test_two_branches_share_one_set_of_parameters(key, x64):
    """The gradient of what is shared is the sum of those of two copies."""
    branch, head = Layered({"dense": dense(4), "relu": relu}), Layered({"dense": dense(1)})
    a, b = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 5)))
    keys = jax.random.split(key)
    shared, last = branch.init(keys[0], a), head.init(keys[1], jnp.zeros((1, 4)))
    assert sum(leaf.size for leaf in jax.tree.leaves((shared, last))) == (5 + 1) * 4 + (4 + 1) * 1  # not twice 24

    def distance(left, right):
        return head.apply(last, jnp.abs(branch.apply(left, a) - branch.apply(right, b))).sum()

    found = jax.grad(lambda both: distance(both, both))(shared)
    separate = jax.grad(distance, (0, 1))(shared, shared)
    for ours, left, right in zip(*map(jax.tree.leaves, (found, *separate)), strict=True):
        np.testing.assert_allclose(ours, left + right, rtol=1e-12)
        assert abs(np.asarray(right)).max() > 0


def test_an_unknown_layer_is_named(case):
    params, x = case
    with pytest.raises(ConfigError, match="'conv3'; did you mean 'conv"):
        NET.apply(params, x, after="conv3")
