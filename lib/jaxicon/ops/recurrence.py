"""Recurrent cells as functions of (parameters, state, input), and a scan that padding does not disturb. Unbatched.

Notes    RL & DL notebook U3; CS182 §6.2.3; DL4CV lecture 12, slide 101
Paper    Cho et al. 2014, arXiv:1406.1078, §2.3
Systems  seq.gru
Idea     z = sigmoid(W_z [h, x] + b_z),   r = sigmoid(W_r [h, x] + b_r)
         h' = z h + (1 - z) tanh(W [r h, x] + b),  the reset before the product; PyTorch and Flax reset after it
Erratum  CS182 §6.2.3 describes an LSTM without output gate: it leaves out the reset gate and the single state
"""

import math
from collections.abc import Callable
from itertools import accumulate

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Params = dict[str, Array]
Cell = Callable[[Float[Array, "h"], Float[Array, "..."]], Float[Array, "h"]]


def weights(key: jax.Array, shapes: dict[str, tuple[int, ...]]) -> Params:
    """Normal with variance 1 / inputs, the first axis of a shape; all in one draw, which compiles faster than many."""
    sizes = [math.prod(shape) for shape in shapes.values()]
    parts = jnp.split(jax.random.normal(key, (sum(sizes),)), list(accumulate(sizes))[:-1])
    scaled = lambda part, shape: part.reshape(shape) / math.sqrt(shape[0])
    return {name: scaled(part, shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}


def gru_init(key: jax.Array, inputs: int, units: int) -> Params:
    """3 (h (h + x) + h) numbers; the columns are those of z, of r and of the candidate. Biases are zero."""
    shapes = {"input": (inputs, 3 * units), "gates": (units, 2 * units), "candidate": (units, units)}
    return weights(key, shapes) | {"bias": jnp.zeros(3 * units)}


def gru_inputs(params: Params, x: Float[Array, "d"]) -> Float[Array, "g"]:
    """What the input contributes to a step; apart, because a sequence that is known beforehand is one product."""
    return x @ params["input"] + params["bias"]


def gru(params: Params, h: Float[Array, "h"], inputs: Float[Array, "g"]) -> Float[Array, "h"]:
    """The state after one step, from the state before it and `gru_inputs`."""
    units = h.shape[0]
    z, r = jnp.split(jax.nn.sigmoid(h @ params["gates"] + inputs[: 2 * units]), 2)
    return z * h + (1 - z) * jnp.tanh((r * h) @ params["candidate"] + inputs[2 * units :])


def unroll(
    cell: Cell, h: Float[Array, "h"], inputs: Float[Array, "t ..."], mask: Bool[Array, "t"]
) -> Float[Array, "t h"]:
    """The states after every step; where the mask is False the state stays as it is."""

    def step(h, row):
        inputs, real = row
        h = jnp.where(real, cell(h, inputs), h)
        return h, h

    return jax.lax.scan(step, h, (inputs, mask))[1]
