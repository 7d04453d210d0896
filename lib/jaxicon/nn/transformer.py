"""Transformer blocks as functions of their parameters, in the pre-norm form of GPT-2.

Every size is read off the parameters: the heads off the attention's kernels, the depth off the blocks' leading axis.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.nn.network import default_float
from jaxicon.ops.affine import affine
from jaxicon.ops.attention import Attend, Memory, multihead, remember

EPSILON = 1e-5  # of layer normalisation


def layer_norm(params: dict, x: Float[Array, "*t d"]) -> Float[Array, "*t d"]:
    """Features of mean 0 and variance 1, then a scale and a bias [d]."""
    centred = x - x.mean(-1, keepdims=True)
    normal = centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    broadcast = lambda p: p.reshape((1,) * (x.ndim - 1) + (-1,))
    return normal * broadcast(params["scale"]) + broadcast(params["bias"])


def feed_forward(params: dict, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
    """Two layers with the tanh form of GELU between them, the same for every position."""
    return affine(jax.nn.gelu(affine(x, **params["up"]), approximate=True), **params["down"])


def block(
    params: dict,
    x: Float[Array, "*b t d"],
    attend: Attend,
    noise: Float[Array, "2 *#b #t #d"],
    extend: Callable[[Memory], Memory] = lambda memory: memory,
) -> tuple[Float[Array, "*b t d"], Memory]:
    """x after attention and the feed-forward layers, each added to its input; and the memory that was attended to.

    attend: see ops/attention.py's multihead
    noise: factors of the two branches, for dropout
    extend: makes the memory of x a longer one, when x is only the end of a text
    """
    normal = layer_norm(params["attention_norm"], x)
    memory = extend(remember(params["attention"], normal))
    x = x + noise[0] * multihead(params["attention"], normal, memory, attend)
    return x + noise[1] * feed_forward(params["feed_forward"], layer_norm(params["feed_forward_norm"], x)), memory


def blocks(
    params: dict, x: Float[Array, "*b t d"], attend: Attend, noise: Float[Array, "layers 2 *#b #t #d"]
) -> Float[Array, "*b t d"]:
    """All blocks, one after the other; their parameters have a leading axis. A scan would be a quarter slower."""
    for i in range(noise.shape[0]):
        x, _ = block(jax.tree.map(lambda p: p[i], params), x, attend, noise[i])
    return x


def dropout(key: Key, shape: tuple[int, ...], rate: float | Float[Array, ""]) -> Float[Array, "..."]:
    """Factors of mean 1: zero with probability `rate`, else 1 / (1 - rate); at rate 0 nothing is drawn."""
    draw = lambda: jax.random.bernoulli(key, 1 - rate, shape) / (1 - rate)
    return jax.lax.cond(rate > 0, draw, lambda: jnp.ones(shape, default_float()))


def spread(width: int) -> float:
    """Standard deviation of initial weights: GPT-2's 0.02 at its width of 768, for whatever width."""
    return 0.02 * (768 / width) ** 0.5


def init_norm(width: int) -> dict:
    """Of a layer normalisation that changes nothing after the standardisation."""
    return {"scale": jnp.ones(width, default_float()), "bias": jnp.zeros(width, default_float())}


def init_block(key: Key, width: int, heads: int, share: float = 1.0) -> dict:
    """One block: weights N(0, spread^2), smaller by `share` where they add to the residual stream; biases zero."""
    keys = iter(jax.random.split(key, 6))
    size, wide = width // heads, 4 * width

    def dense(inputs: tuple, outputs: tuple, share: float = 1.0) -> dict:
        kernel = share * spread(width) * jax.random.normal(next(keys), (*inputs, *outputs), default_float())
        return {"kernel": kernel, "bias": jnp.zeros(outputs, default_float())}

    attention = {name: dense((width,), (heads, size)) for name in ("query", "key", "value")}
    return {
        "attention_norm": init_norm(width),
        "attention": attention | {"out": dense((heads, size), (width,), share)},
        "feed_forward_norm": init_norm(width),
        "feed_forward": {"up": dense((width,), (wide,)), "down": dense((wide,), (width,), share)},
    }


def init_blocks(key: Key, layers: int, width: int, heads: int) -> dict:
    """Blocks with a leading axis; the 2 * layers branches share the variance of what they add to the residual stream.

    Raises ConfigError where the heads do not divide the width.
    """
    if width % heads:
        raise ConfigError(f"transformer: a width of {width} does not divide into {heads} heads")
    make = lambda key: init_block(key, width, heads, (2 * layers) ** -0.5)
    return jax.vmap(make)(jax.random.split(key, layers))
