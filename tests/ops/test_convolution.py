"""Our forms against XLA's: values and gradients, whatever the strides, margins, holes, groups and sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.signal import correlate

from jaxicon.ops.convolution import avg_pool, by_library, by_patches, convolution, max_pool

MARGINS = ("SAME", "VALID", ((2, 1), (0, 3)))
EVEN, ODD = (6, 8), (7, 9)
CASES = [
    *[(EVEN, strides, padding, 1, 1) for strides in (1, 2) for padding in MARGINS],
    *[(ODD, 3, padding, dilation, 1) for padding, dilation in zip(MARGINS, (1, 2, (1, 3)), strict=True)],
    (ODD, (2, 1), "SAME", 2, 1),
    (ODD, (1, 2), "SAME", (1, 3), 2),
    (EVEN, 2, "VALID", 2, 4),
]


def tolerance(dtype) -> dict:
    return dict(rtol=1e-12, atol=1e-12) if dtype == jnp.float64 else dict(rtol=1e-5, atol=1e-5)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def pair(space, groups=1):
    return normal(2, *space, 4), normal(3, 2, 4 // groups, 8, seed=1) / 5


def agree(ours, theirs, *arguments):
    """Equal values, and equal gradients of a scalar in which every output has a weight of its own."""

    def pulled(function, arguments):
        y, pull = jax.vjp(function, *arguments)
        return y, *pull(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    both = jax.jit(lambda *arguments: [pulled(f, arguments) for f in (ours, theirs)])
    for a, b in zip(*both(*arguments), strict=True):
        assert a.dtype == b.dtype == arguments[0].dtype
        np.testing.assert_allclose(a, b, **tolerance(a.dtype))


@pytest.mark.parametrize(("space", "strides", "padding", "dilation", "groups"), CASES)
def test_patches_equal_the_library_in_value_and_gradient(x64, space, strides, padding, dilation, groups):
    options = dict(strides=strides, padding=padding, dilation=dilation, groups=groups)
    agree(partial(by_patches, **options), partial(by_library, **options), *pair(space, groups))


@pytest.mark.parametrize("padding", MARGINS)
@pytest.mark.parametrize("window", [(1, 3), (5, 5), (2, 7), (3, 9)])
def test_neighbours_that_share_what_they_see_equal_the_library(x64, window, padding):
    """Windows wide enough for blocks of neighbours, in rows that these do and do not divide."""
    kernel = normal(*window, 3, 2, seed=1)
    for width in (9, 10, 13):
        agree(
            partial(by_patches, padding=padding), partial(by_library, padding=padding), normal(2, 6, width, 3), kernel
        )


def test_patches_equal_the_library_in_float32():
    options = dict(strides=(2, 1), groups=2)
    arguments = [a.astype(np.float32) for a in pair(ODD, 2)]
    agree(partial(by_patches, **options), partial(by_library, **options), *arguments)


@pytest.mark.parametrize("form", [by_patches, by_library])
def test_a_convolution_is_scipys_correlation(x64, form):
    """Both forms against a third party: which way the kernel lies, and on which side 'SAME' puts the odd margin."""
    x, kernel = pair((6, 7))
    below = np.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0)))  # stride 2, window 3, 6 rows: one row below, none above
    whole = [
        [sum(correlate(image[..., i], kernel[..., i, o], "valid") for i in range(4)) for o in range(8)]
        for image in below
    ]
    same = jax.jit(partial(form, strides=(2, 1), padding=((0, 1), (0, 0))))(x, kernel)
    np.testing.assert_allclose(same, np.moveaxis(whole, 1, -1)[:, ::2], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(jax.jit(partial(form, strides=(2, 1)))(x, kernel)[:, :, :-1], same)


@pytest.mark.parametrize("form", [by_patches, by_library])
def test_one_and_three_axes_of_space_and_any_leading_axes(x64, form):
    signal, kernel = normal(3, 2, 11, 4), normal(5, 4, 6, seed=1)
    causal = jax.jit(partial(form, padding=[(8, 0)], dilation=2))(signal, kernel)
    for t in (0, 5, 10):  # output t sees t, t - 2, ..., t - 8, as far as they are there
        seen = sum(signal[1, 1, t - 2 * w] @ kernel[4 - w] for w in range(5) if t >= 2 * w)
        np.testing.assert_allclose(causal[1, 1, t], seen, rtol=1e-12, atol=1e-12)
    volume, cube = normal(5, 4, 3, 2), normal(2, 2, 2, 2, 1, seed=1)
    by_hand = sum(correlate(volume[..., i], cube[..., i, 0], "valid") for i in range(2))
    valid = jax.jit(partial(form, padding="VALID"))(volume, cube)
    np.testing.assert_allclose(valid[..., 0], by_hand, rtol=1e-12, atol=1e-12)


def library_pool(x, window, strides, padding, kind):
    shape, steps = (1, *window, 1), (1, *strides, 1)
    margins = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    if kind == "max":
        return lax.reduce_window(x, -jnp.inf, lax.max, shape, steps, margins)
    return lax.reduce_window(x, 0.0, lax.add, shape, steps, margins) / np.prod(window)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(
    ("window", "strides", "padding", "space"),
    [
        ((2, 2), (2, 2), "VALID", EVEN),
        ((3, 2), (3, 2), "VALID", ODD),
        ((3, 2), (3, 2), "SAME", ODD),
        ((2, 3), (2, 3), ((1, 0), (0, 1)), ODD),
        ((3, 3), (2, 2), "SAME", EVEN),
        ((2, 3), (1, 3), "VALID", ODD),
        ((3, 3), (1, 1), ((1, 0), (0, 1)), ODD),
    ],
)
def test_pooling_equals_the_library_in_value_and_gradient(x64, window, strides, padding, space, kind):
    """Blocks and patches, sizes that divide and that do not."""
    ours = {"max": max_pool, "avg": avg_pool}[kind]
    agree(
        lambda x: ours(x, window, strides, padding),
        lambda x: library_pool(x, window, strides, padding, kind),
        normal(2, *space, 3),
    )


@pytest.mark.parametrize("strides", [2, 1])
def test_equal_maxima_share_the_gradient(strides):
    """Both forms of pooling alike, an axis at a time: the columns' maxima tie, and then the rows of the second."""
    x = jnp.array([[5.0, 5.0], [1.0, 5.0]])[..., None]
    shares = jax.jit(jax.grad(lambda x: max_pool(x, 2, strides).sum()))(x)[..., 0]
    np.testing.assert_allclose(shares, [[1 / 2, 1 / 4], [0, 1 / 4]])


def test_nothing_is_left_for_the_loop_to_slow_down():
    """On CPU the training step holds no convolution and no window operation, which loops make many times slower."""

    def loss(x, kernel):
        return max_pool(avg_pool(convolution(x, kernel, 2), 3, 1), 2).sum()

    text = str(jax.make_jaxpr(jax.grad(loss, (0, 1)))(*pair((8, 8))))
    present = [name for name in ("conv_general_dilated", "reduce_window", "select_and", "gather") if name in text]
    assert present == ([] if jax.default_backend() == "cpu" else ["conv_general_dilated"])


def test_what_does_not_fit_is_named():
    x, kernel = map(jnp.asarray, pair((9, 8)))
    with pytest.raises(ValueError, match=r"\(2, 9, 8, 4\).*2 group"):
        convolution(x, kernel, groups=2)
    with pytest.raises(ValueError, match=r"window \(5, 3\) is larger than the image \(2, 8\)"):
        convolution(x[:, :2], kernel, padding="VALID", dilation=2)
    with pytest.raises(ValueError, match="larger"):
        max_pool(x, 9)
