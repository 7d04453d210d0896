"""Random changes of one image [h, w, c] that leave its class alone: pure functions of a key, to be vmapped.

Geometry is in pixels about the image's centre; what is moved in from outside is 0.

Notes    RL & DL notebook, Training Deep Networks; CS182 §5.1.3.2
Paper    Simard, Steinkraus & Platt 2003, Best practices for convolutional neural networks, ICDAR
Systems  reg.data_augmentation
Idea     classes are invariant under some changes of an image; so a changed image is one more example of its class.
         Which ones is for the data to say: a digit may be moved, but a 6 turned half round is a 9.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def warp(image: Float[Array, "h w c"], matrix: Float[Array, "2 2"], shift: Float[Array, "2"]) -> Float[Array, "h w c"]:
    """The image whose pixel at p (row, column) is the old one, interpolated bilinearly, at matrix p + shift.

    Interpolation is two products with the hat function max(0, 1 - |distance|), not a gather, which is slow in loops on
    CPUs: h w (h w + w) multiplications a channel, meant for images up to about 32 x 32.
    """
    h, w, _ = image.shape
    rows, columns = (jnp.arange(n, dtype=image.dtype) - (n - 1) / 2 for n in (h, w))
    places = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2) @ matrix.T + shift[None]
    hat = lambda at, grid: jax.nn.relu(1 - jnp.abs(at[:, None] - grid[None]))
    along_rows = jnp.tensordot(hat(places[:, 0], rows), image, 1)  # [h w, w, c]
    return (hat(places[:, 1], columns)[:, :, None] * along_rows).sum(1).reshape(image.shape)


def random_affine(
    key: jax.Array, image: Float[Array, "h w c"], degrees: float = 0.0, zoom: float = 0.0, shift: float = 0.0
) -> Float[Array, "h w c"]:
    """Turned by up to `degrees`, enlarged by a factor exp(u) with |u| <= zoom, moved by up to `shift` pixels."""
    angle, log_scale, *move = jax.random.uniform(key, (4,), image.dtype, -1, 1)
    angle, scale = angle * jnp.deg2rad(degrees), jnp.exp(-zoom * log_scale)
    turn = jnp.array([[jnp.cos(angle), -jnp.sin(angle)], [jnp.sin(angle), jnp.cos(angle)]])
    return warp(image, scale * turn, shift * jnp.array(move))


def random_shift(key: jax.Array, image: Float[Array, "h w c"], most: int = 1) -> Float[Array, "h w c"]:
    """Moved by a whole number of pixels, -most to most, in each direction."""
    start = jax.random.randint(key, (2,), 0, 2 * most + 1)
    padded = jnp.pad(image, ((most, most), (most, most), (0, 0)))
    return lax.dynamic_slice(padded, (*start, 0), image.shape)


def flip(image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Left and right exchanged; twice is not at all."""
    return image[:, ::-1]


def random_flip(key: jax.Array, image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Left and right exchanged, or not."""
    return jnp.where(jax.random.bernoulli(key), flip(image), image)


def quarter_turn(image: Float[Array, "h w c"]) -> Float[Array, "w h c"]:
    """Turned left by 90 degrees: the last column becomes the first row; four times is not at all."""
    return image.swapaxes(0, 1)[::-1]


def random_quarter_turns(key: jax.Array, image: Float[Array, "n n c"]) -> Float[Array, "n n c"]:
    """A square image turned by 0, 90, 180 or 270 degrees."""
    turned = [image]
    for _ in range(3):
        turned.append(quarter_turn(turned[-1]))
    return jnp.stack(turned)[jax.random.randint(key, (), 0, 4)]


def random_noise(key: jax.Array, image: Float[Array, "h w c"], std: float) -> Float[Array, "h w c"]:
    """With independent Gaussian noise on every pixel, kept in [0, 1]."""
    return jnp.clip(image + std * jax.random.normal(key, image.shape, image.dtype), 0, 1)


def cutout(key: jax.Array, image: Float[Array, "h w c"], size: int) -> Float[Array, "h w c"]:
    """A square of size x size pixels set to 0; its centre is anywhere, so that part of it may lie outside."""
    h, w, _ = image.shape
    top, left = (jax.random.uniform(key, (2,)) * jnp.array([h, w])).astype(int) - size // 2
    inside = lambda start, n: (jnp.arange(n) >= start) & (jnp.arange(n) < start + size)
    return jnp.where((inside(top, h)[:, None] & inside(left, w)[None])[:, :, None], 0, image)
