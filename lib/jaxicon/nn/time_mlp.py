"""A residual perceptron of a vector and a time: what predicts the noise in a diffused vector."""

import jax.numpy as jnp
from flax import linen
from jaxtyping import Array, Float, Real

from jaxicon.nn.network import Network, default_float, from_linen

EMBEDDING = 64  # sines and cosines of the time


def sinusoidal(t: Real[Array, "*b"], size: int, longest: float = 10_000.0) -> Float[Array, "*b size"]:
    """Sines, then cosines, of t at size / 2 frequencies that fall geometrically from 1 to 1 / longest."""
    frequency = longest ** -jnp.linspace(0, 1, size // 2)
    angle = t[..., None] * frequency.reshape((1,) * t.ndim + (-1,))
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)


class TimeMLP(linen.Module):
    width: int
    blocks: int

    @linen.compact
    def __call__(self, x, t):
        dense = lambda size, **options: linen.Dense(size, param_dtype=default_float(), **options)
        time = sinusoidal(t, EMBEDDING)
        h = dense(self.width)(x)
        for _ in range(self.blocks):
            inner = dense(self.width)(linen.silu(h)) + dense(self.width, use_bias=False)(time)
            h = h + dense(self.width)(linen.silu(inner))
        zero = {"kernel_init": linen.initializers.zeros}
        return dense(x.shape[-1], **zero)(linen.silu(h)) + x * dense(x.shape[-1], **zero)(time)


def time_mlp(width: int, blocks: int) -> Network:
    """(x [..., d], t [...]) -> [..., d], zero at first.

    In every block the time is added before the second layer. x times a function of the time goes to the output
    directly: late in diffusion the noise is nearly x.
    """
    return from_linen(TimeMLP(width, blocks))
