"""Character model of text: stacked LSTM layers, trained by back-propagation through time, one window after another.

Notes    DL4CV lecture 12, slides 44, 88; MIT 6.S191 lecture 2 and lab 1; RL & DL notebook U3; CS182 §6.2
Paper    Zaremba, Sutskever & Vinyals 2014, arXiv:1409.2329; Williams & Peng 1990 for the truncation
Systems  seq.truncated_bptt seq.rnn_many_to_many_sync seq.autoregressive seq.embedding_layer
         seq.text_generation seq.char_rnn_hello
Idea     minimise  -1/T sum_t log2 p(x_t+1 | x_1 .. x_t),  p = softmax(V h_t + b)                       (1)
         over windows: a window starts from the carry that the last one left, but its gradient ends there        (2)
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jax.nn.initializers import lecun_normal
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Fit, Generator, Key, from_stateful_loss
from jaxicon.ops import lstm as ops
from jaxicon.ops.affine import affine

Window = tuple[Int[Array, "b t"], Int[Array, "b t"]]  # symbols, and those that follow each of them
Carries = tuple[ops.Carry, ...]  # one of each layer


@dataclass(frozen=True)
class Config:
    embedding: int = 64
    hidden: tuple[int, ...] = (256,)  # units of each layer
    dropout: float = 0.2  # of what enters each layer and the softmax; never of what passes from step to step
    learning_rate: float = 4e-3
    decay_steps: int = 2500  # to zero along a cosine
    clip: float = 1.0  # largest norm of a gradient


def init_params(key: Key, config: Config, symbols: int) -> dict:
    embedding_key, output_key, layers_key = jax.random.split(key, 3)
    widths = (config.embedding, *config.hidden)
    keys = jax.random.split(layers_key, len(config.hidden))
    return {
        "embedding": jax.random.normal(embedding_key, (symbols, config.embedding)),
        "layers": tuple(ops.init(keys[i], *widths[i : i + 2]) for i in range(len(keys))),
        "output": {"kernel": lecun_normal()(output_key, (widths[-1], symbols)), "bias": jnp.zeros(symbols)},
    }


def rest(params: dict, batch: tuple[int, ...] = ()) -> Carries:
    """Zeros for every layer: the carry before the first symbol of a text."""
    return tuple(ops.rest((*batch, layer.recurrent.shape[0])) for layer in params["layers"])


def logits(
    params: dict, carries: Carries, x: Int[Array, "t *b"], key: Key | None = None, dropout: float = 0.0
) -> tuple[Carries, Float[Array, "t *b v"]]:
    """(carries after x, scores of the symbol after each); without a key, or at rate 0, nothing is dropped."""

    def drop(place, x):
        if key is None:
            return x
        keep = lambda: jax.random.bernoulli(jax.random.fold_in(key, place), 1 - dropout, x.shape)
        return jax.lax.cond(dropout > 0, lambda: jnp.where(keep(), x / (1 - dropout), 0), lambda: x)

    x, after = params["embedding"][x], []
    for i, (layer, carry) in enumerate(zip(params["layers"], carries, strict=True)):
        carry, x = ops.unroll(layer, carry, drop(i, x))
        after.append(carry)
    return tuple(after), affine(drop(len(after), x), **params["output"])


def bits(scores: Float[Array, "*b v"], symbol: Int[Array, "*b"]) -> Float[Array, ""]:
    """(1): mean of -log2 p."""
    return optax.softmax_cross_entropy_with_integer_labels(scores, symbol).mean() / math.log(2)


def generate(
    key: Key, params: dict, carries: Carries, symbol: Int[Array, ""], count: int, temperature: float = 1.0
) -> Int[Array, "n"]:
    """`count` symbols, each drawn from softmax(scores / temperature) after those before it; the likeliest at 0."""

    def step(state, t):
        carries, symbol = state
        carries, scores = logits(params, carries, symbol[None])
        noise = jax.random.gumbel(jax.random.fold_in(key, t), scores[0].shape)
        symbol = (scores[0] + temperature * noise).argmax().astype(symbol.dtype)
        return (carries, symbol), symbol

    return jax.lax.scan(step, (carries, symbol), jnp.arange(count))[1]


def lstm(config: Config, symbols: int) -> Generator:
    """A model of texts in `symbols` symbols; its batches are those of `windows`, and a sample is a text.

    The carries of the last window are a part of the state. `evaluate` starts every text of its batch from zeros.
    """
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.decay_steps)
    optimizer = optax.chain(optax.clip_by_global_norm(config.clip), optax.adam(schedule))

    def init(key: Key, batch: Window):
        params = init_params(key, config, symbols)
        return params, rest(params, batch[0].shape[:1])

    def loss(key: Key, params, carries: Carries, batch: Window):
        x, y = batch
        carries, scores = logits(params, carries, x.T, key, config.dropout)
        value = bits(scores, y.T)
        return value, (carries, {"bits_per_character": value})

    def measure(key: Key, params, carries: Carries, batch: Window):
        x, y = batch
        return {"bits_per_character": bits(logits(params, rest(params, x.shape[:1]), x.T)[1], y.T)}

    def sample(key: Key, state: Fit, count: int) -> Int[Array, "n"]:
        """A text that follows symbol 0."""
        return generate(key, state.params, rest(state.params), jnp.int32(0), count)

    return Generator(*from_stateful_loss(init, loss, measure, optimizer), sample)
