"""Strings out of a model that gives the probabilities of the next symbol: the best symbol each time, or a beam.

Notes    CS182 §6.4.2
Paper    Graves 2012, arXiv:1211.3711, §3; Sutskever, Vinyals & Le 2014, arXiv:1409.3215, §3.2
Systems  seq.greedy_decode seq.beam_search
Erratum  CS182 §6.4.2, algorithm 8, writes T for the length of the source and for the longest hypothesis
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

END = 0  # the symbol that ends a string, fills what follows, and stands before the first symbol

Step = Callable[
    [Any, Int[Array, ""]], tuple[Float[Array, "v"], Any]
]  # (carry, last symbol) -> (log p of the next, carry)


class Hypotheses(NamedTuple):
    """Strings, the best first. A score is (1 / length) sum log p; the length counts the symbol END."""

    symbols: Int[Array, "k t"]
    score: Float[Array, "k"]


class Beam(NamedTuple):
    """The hypotheses of one step, with the carries of the model that read them."""

    carry: Any
    symbols: Int[Array, "k t"]
    log_prob: Float[Array, "k"]  # of the whole string so far; -inf where there are fewer strings than places
    length: Int[Array, "k"]
    over: Bool[Array, "k"]


def until_end(symbols: Int[Array, "*b t"]) -> Bool[Array, "*b t"]:
    """True up to the first END and for it, False for what follows."""
    ends = symbols == END
    return jnp.cumsum(ends, axis=-1) - ends == 0


def greedy(step: Step, carry: Any, length: int) -> Int[Array, "t"]:
    """The string of the most probable next symbols, at most `length` of them."""

    def advance(row, _):
        carry, last, over = row
        log_probs, carry = step(carry, last)
        symbol = jnp.where(over, END, log_probs.argmax())
        return (carry, symbol, over | (symbol == END)), symbol

    return jax.lax.scan(advance, (carry, jnp.full((), END), jnp.full((), False)), None, length)[1]


def extend(beam: Beam, log_probs: Float[Array, "k v"], carry: Any, t: Int[Array, ""]) -> Beam:
    """The beam after its best extensions by symbol t. What has ended keeps its place."""
    width, symbols = log_probs.shape
    ends = jnp.arange(symbols) == END
    stays = beam.over[:, None] & ends[None]
    total = beam.log_prob[:, None] + jnp.where(beam.over[:, None], jnp.where(ends, 0, -jnp.inf)[None], log_probs)
    _, chosen = jax.lax.top_k(jnp.where(stays, jnp.inf, total).ravel(), width)
    parent, symbol = chosen // symbols, chosen % symbols
    log_prob = total.ravel()[chosen]
    return Beam(
        jax.tree.map(lambda x: x[parent], carry),
        beam.symbols[parent].at[:, t].set(symbol),
        log_prob,
        beam.length[parent] + ~beam.over[parent],
        (symbol == END) & (log_prob > -jnp.inf),
    )


def beam_search(step: Step, carry: Any, width: int, length: int) -> Hypotheses:
    """The `width` strings that a beam finds: at most `length` symbols each, or ended by END before.

    Every step the unfinished hypotheses are extended by every symbol and those of the highest total log p are kept. The
    beam narrows by one with every hypothesis that ends. With width 1 it is `greedy`; with width v^t it is exhaustive.
    """
    several = lambda x: jnp.broadcast_to(x, (width, *jnp.shape(x)))
    alone = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf)
    symbols = jnp.full((width, length), END)
    beam = Beam(jax.tree.map(several, carry), symbols, alone, jnp.zeros(width, int), jnp.full(width, False))

    def advance(t, beam):
        last = jnp.where(t > 0, beam.symbols[:, t - 1], END)
        return extend(beam, *jax.vmap(step)(beam.carry, last), t)

    beam = jax.lax.fori_loop(0, length, advance, beam)
    score = beam.log_prob / jnp.maximum(beam.length, 1)
    order = jnp.argsort(-score)
    return Hypotheses(beam.symbols[order], score[order])
