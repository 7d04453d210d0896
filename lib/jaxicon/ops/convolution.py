"""Convolution and pooling of x [..., *space, c] in the form that is fast where they run.

XLA's CPU backend runs `lax.conv_general_dilated` inside a loop, so in every training run, up to 30 times slower than
outside. Patches and one matmul are as fast inside as outside, and there 2 to 60 times as fast as XLA's form (twelve
shapes from 8x8 to 84x84, gradients included, two cores). Outside a loop they take 0.4 to 2.6 times as long, least where
there are few channels. So `convolution` takes patches on CPU and XLA's form elsewhere; who evaluates a wide network on
CPU outside a loop calls `by_library`. Depthwise convolutions are correct in both forms, and fast in neither.

'SAME' pads as little as makes the output ceil(n / stride) long, the odd one on the right: with stride 2 and window 3 an
even axis is padded (0, 1), where PyTorch's padding=1 is ((1, 1), (1, 1)). Kernels are correlated, not flipped.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Sizes = int | Sequence[int]  # one for all axes of space, or one for each
Padding = str | Sequence[tuple[int, int]]  # 'SAME', 'VALID' or (before, after) for each axis of space
WIDEST = 32  # features of neighbours in one matmul


def per_axis(sizes: Sizes, axes: int) -> tuple[int, ...]:
    return (sizes,) * axes if isinstance(sizes, int) else tuple(sizes)


def padded(x: Array, window: Sequence[int], strides: Sequence[int], padding: Padding, fill: float = 0.0) -> Array:
    """x with the margins of `padding` around its axes of space; raises ValueError where the window is larger."""
    axes = len(window)
    space = x.shape[-axes - 1 : -1]
    margins = lax.padtype_to_pads(space, window, strides, padding) if isinstance(padding, str) else padding
    x = jnp.pad(x, [(0, 0)] * (x.ndim - axes - 1) + list(margins) + [(0, 0)], constant_values=fill)
    if any(w > n for w, n in zip(window, x.shape[-axes - 1 : -1], strict=True)):
        raise ValueError(f"convolution: window {tuple(window)} is larger than the image {space} padded {padding!r}")
    return x


def seen_along(x: Array, axis: int, width: int, stride: int, dilation: int = 1) -> list[Array]:
    """What windows along one axis see at the first of their `width` places, at the second, ..."""
    length = (x.shape[axis] - dilation * (width - 1) - 1) // stride * stride + 1
    return [lax.slice_in_dim(x, at, at + length, stride, axis) for at in range(0, dilation * width, dilation)]


def patches(x: Array, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """[..., *space, c] -> [..., *places, window * c]: what the window sees at each place, its last axis fastest.

    One axis after the other, so that a window of 5 x 5 takes 5 + 5 slices, not 25.
    """
    axes = range(x.ndim - 1 - len(window), x.ndim - 1)
    for axis, *sizes in reversed(list(zip(axes, window, strides, dilation, strict=True))):
        x = jnp.concatenate(seen_along(x, axis, *sizes), -1)
    return x


def between_blocks(kernel: Array, size: int) -> Array:
    """The kernel that convolves blocks of `size` neighbours along the last axis as if each were one place.

    [*window, width, c, o] -> [*window, blocks, size * c, size * o]; output i of a block meets what kernel i covers.
    """
    *window, width, _, features = kernel.shape
    blocks = -(-(width - 1) // size) + 1
    shift = lambda i: [(0, 0)] * len(window) + [(i, blocks * size - width - i), (0, 0), (0, 0)]
    kernel = jnp.stack([jnp.pad(kernel, shift(i)) for i in range(size)], axis=-2)
    return kernel.reshape(*window, blocks, -1, size * features)


def by_patches(
    x: Array, kernel: Array, strides: Sizes = 1, padding: Padding = "SAME", dilation: Sizes = 1, groups: int = 1
) -> Array:
    """`convolution` as patches and a matmul. Patches are window times larger than x: the gradient makes them again.

    Where nothing is skipped or grouped, a few neighbours along the last axis are the channels of one place. They share
    what they see: of two with a window of 3 the patches are 6 channels wide, not 9. The matmul is wider by zeros, which
    pays up to WIDEST columns.
    """
    *window, _, features = kernel.shape
    strides, dilation = per_axis(strides, len(window)), per_axis(dilation, len(window))
    reach = [d * (w - 1) + 1 for w, d in zip(window, dilation, strict=True)]
    x = padded(x, reach, strides, padding)
    places = x.shape[-2] - window[-1] + 1
    size = min(window[-1] - 1, places, WIDEST // features) if {*strides, *dilation, groups} == {1} else 1
    if size < 2:
        return matmul(x, kernel, strides, dilation, groups)
    kernel = between_blocks(kernel, size)
    blocks = -(-places // size) + kernel.shape[-3] - 1
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, blocks * size - x.shape[-2]), (0, 0)])
    y = matmul(x.reshape(*x.shape[:-2], blocks, -1), kernel, strides, dilation, groups)
    return unblocked(y, features)[..., :places, :]


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def unblocked(y: Array, features: int) -> Array:
    """[..., blocks, size * features] -> [..., blocks * size, features].

    The gradient is put together from pieces: of a mere reshape XLA makes a part of the loop that computes what comes
    before, which then runs through blocks and takes twice as long.
    """
    return y.reshape(*y.shape[:-2], -1, features)


@unblocked.defjvp
def unblocked_jvp(features, primals, tangents):
    (y,), (change,) = primals, tangents
    pieces = jnp.split(change, y.shape[-1] // features, -1)
    y = unblocked(y, features)
    return y, jnp.stack(pieces, -2).reshape(y.shape)


@partial(jax.checkpoint, static_argnums=(2, 3, 4))
def matmul(x: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int], groups: int) -> Array:
    """Patches of x times the kernel: a matmul of matrices, as with more axes its gradient takes twice as long."""
    *window, _, features = kernel.shape
    seen = patches(x, window, strides, dilation)
    places, seen = seen.shape[:-1], seen.reshape(-1, seen.shape[-1])
    if groups == 1:
        y = seen @ kernel.reshape(-1, features)
    else:
        seen = seen.reshape(len(seen), math.prod(window), groups, -1)
        kernel = kernel.reshape(math.prod(window), -1, groups, features // groups)
        y = jnp.einsum("pwgi,wigo->pgo", seen, kernel)
    return y.reshape(*places, features)


def by_library(
    x: Array, kernel: Array, strides: Sizes = 1, padding: Padding = "SAME", dilation: Sizes = 1, groups: int = 1
) -> Array:
    """`convolution` as XLA has it."""
    axes = kernel.ndim - 2
    space = "DHW"[-axes:]
    y = lax.conv_general_dilated(
        x.reshape(-1, *x.shape[-axes - 1 :]),
        kernel,
        per_axis(strides, axes),
        padding,
        rhs_dilation=per_axis(dilation, axes),
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=groups,
    )
    return y.reshape(*x.shape[: -axes - 1], *y.shape[1:])


def convolution(
    x: Float[Array, "... c"],
    kernel: Float[Array, "... i o"],
    strides: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
) -> Float[Array, "... o"]:
    """x [..., *space, c], kernel [*window, c / groups, o] -> [..., *places, o], in one to three axes of space.

    y[p, o] = sum over w, i of x[strides p + dilation w, i] kernel[w, i, o]; group g of the channels makes group g of
    the features. Raises ValueError when the channels do not match or the window does not fit.
    """
    if x.shape[-1] != kernel.shape[-2] * groups or kernel.shape[-1] % groups:
        raise ValueError(
            f"convolution: x {x.shape} and kernel {kernel.shape} in {groups} group(s); "
            "expected kernel [*window, channels / groups, features], features divisible by groups"
        )
    form = by_patches if jax.default_backend() == "cpu" else by_library
    return form(x, kernel, strides, padding, dilation, groups)


def side_by_side(x: Array, axis: int, width: int) -> Array:
    """[..., n, ...] -> [..., n // width, width, ...]: an axis as windows, without what is left over."""
    places = x.shape[axis] // width
    x = lax.slice_in_dim(x, 0, places * width, axis=axis)
    return x.reshape(*x.shape[:axis], places, width, *x.shape[axis + 1 :])


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def largest_along(x: Array, axis: int) -> Array:
    """The maximum along a short axis; equal maxima share the gradient. By slices: XLA's reduction takes longer."""
    return reduce(jnp.maximum, jnp.unstack(x, axis=axis))


@largest_along.defjvp
def largest_along_jvp(axis, primals, tangents):
    (x,), (change,) = primals, tangents
    y = largest_along(x, axis)
    chosen = x == jnp.expand_dims(y, axis)
    count = sum(jnp.unstack(chosen.astype(x.dtype), axis=axis))
    return y, jnp.where(chosen, change, 0).sum(axis) / count


def pool(reduce: Callable, x: Array, window: Sizes, strides: Sizes | None, padding: Padding, fill: float) -> Array:
    """reduce(windows, their axis), one axis of space after the other."""
    window = per_axis(window, 2)
    strides = window if strides is None else per_axis(strides, len(window))
    x = padded(x, window, strides, padding, fill)
    for axis, (width, stride) in enumerate(zip(window, strides, strict=True), x.ndim - 1 - len(window)):
        apart = width == stride
        windows = side_by_side(x, axis, width) if apart else jnp.stack(seen_along(x, axis, width, stride), axis + 1)
        x = reduce(windows, axis + 1)
    return x


def max_pool(
    x: Float[Array, "... c"], window: Sizes, strides: Sizes | None = None, padding: Padding = "VALID"
) -> Float[Array, "... c"]:
    """Maximum over windows of x [..., h, w, c]; as many axes as `window` has, two if it is a number.

    The strides are the window unless given. Equal maxima share the gradient, equally along each axis (XLA and PyTorch
    give it to one).
    """
    return pool(largest_along, x, window, strides, padding, -jnp.inf)


def avg_pool(
    x: Float[Array, "... c"], window: Sizes, strides: Sizes | None = None, padding: Padding = "VALID"
) -> Float[Array, "... c"]:
    """Mean over windows, as `max_pool`. Padding counts as zeros, as by default in Flax and PyTorch, not as in Keras."""
    return pool(jnp.mean, x, window, strides, padding, 0.0)
