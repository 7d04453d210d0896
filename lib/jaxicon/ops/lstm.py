"""Long short-term memory: a recurrence whose state passes from step to step through a gate instead of a matrix.

Notes    DL4CV lecture 12, slide 88; RL & DL notebook U3; MIT 6.S191 lecture 2; CS182 §6.2
Paper    Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 for the forget gate
Systems  seq.lstm
Idea     (i, f, o, g) = (sigmoid, sigmoid, sigmoid, tanh)(W [h; x] + b)                        (1)
         c = f c + i g,   h = o tanh(c)                                                        (2)
Erratum  CS182 §6.2.1 prints h = o c; the tanh is missing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal
from jaxtyping import Array, Float

from jaxicon.ops.affine import affine, rows


class Params(NamedTuple):
    """(1), with W cut in two; the columns are those of i, f, o, g. 4 (h (h + d) + h) numbers."""

    recurrent: Float[Array, "h g"]
    input: Float[Array, "d g"]
    bias: Float[Array, "g"]


class Carry(NamedTuple):
    """What one step hands to the next."""

    hidden: Float[Array, "*b h"]
    cell: Float[Array, "*b h"]


def init(key: jax.Array, inputs: int, units: int) -> Params:
    """Weights LeCun normal; biases zero, but one for f, so that the state is kept at first."""
    recurrent_key, input_key = jax.random.split(key)
    bias = jnp.zeros(4 * units).at[units : 2 * units].set(1)
    return Params(
        lecun_normal()(recurrent_key, (units, 4 * units)), lecun_normal()(input_key, (inputs, 4 * units)), bias
    )


def rest(shape: tuple[int, ...]) -> Carry:
    """The carry before the first step: zeros; shape: batch axes, then units."""
    return Carry(jnp.zeros(shape), jnp.zeros(shape))


def cell(carry: Carry, gates: Float[Array, "*b g"]) -> Carry:
    """(2), from W [h; x] + b."""
    i, f, o, g = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f) * carry.cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    return Carry(jax.nn.sigmoid(o) * jnp.tanh(c), c)


def forward(recurrent: Float[Array, "h g"], carry: Carry, from_input: Float[Array, "t *b g"]) -> tuple:
    """What `recur` returns, and what its derivative needs."""

    def step(carry, from_input):
        gates = carry.hidden @ recurrent + from_input
        after = cell(carry, gates)
        return after, (after.hidden, carry, gates)

    last, (hidden, before, gates) = jax.lax.scan(step, carry, from_input)
    return (last, hidden), (recurrent, before, gates)


def backward(kept: tuple, cotangents: tuple) -> tuple:
    """Back-propagation through time; the gradient of the weights is one product of matrices after the loop."""
    (recurrent, before, gates), (last, hidden) = kept, cotangents

    def step(after, row):
        before, gates, hidden = row
        carry, gates = jax.vjp(cell, before, gates)[1](after._replace(hidden=after.hidden + hidden))
        return carry._replace(hidden=gates @ recurrent.T), gates

    carry, gates = jax.lax.scan(step, last, (before, gates, hidden), reverse=True)
    return rows(before.hidden).T @ rows(gates), carry, gates


@jax.custom_vjp
def recur(
    recurrent: Float[Array, "h g"], carry: Carry, from_input: Float[Array, "t *b g"]
) -> tuple[Carry, Float[Array, "t *b h"]]:
    """`unroll`, from what x adds to the gates."""
    return forward(recurrent, carry, from_input)[0]


recur.defvjp(forward, backward)


def unroll(params: Params, carry: Carry, x: Float[Array, "t *b d"]) -> tuple[Carry, Float[Array, "t *b h"]]:
    """(the carry after the last step, h of every step).

    What x adds to the gates is one product of matrices before the loop; in the loop there is one product a step.
    """
    return recur(params.recurrent, carry, affine(x, params.input, params.bias))
