"""Translation by a recurrent encoder and a decoder that looks back: attention as it was first used.

Notes    DL4CV lecture 13, slide 12; CS182 §6.5; MIT 6.S191 lecture 2
Paper    Bahdanau, Cho & Bengio 2015, arXiv:1409.0473; the numbers are its equations
Systems  seq.attention_bottleneck
Idea     h_j = [forward state, backward state] of a bidirectional GRU that reads the source                     (7)
         e_ij = v . tanh(W s_{i-1} + U h_j),  alpha_i = softmax_j e_ij,  c_i = sum_j alpha_ij h_j             (5, 6)
         s_i = GRU(s_{i-1}, [E y_{i-1}, c_i]),  p(y_i | y_<i, x) from y_{i-1}, s_i and c_i by a maxout layer     (4)
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.ops.decoding import END, Hypotheses, Step, beam_search, greedy, until_end
from jaxicon.ops.recurrence import gru, gru_init, gru_inputs, unroll, weights


@dataclass(frozen=True)
class Config:
    embedding: int = 620
    hidden: int = 1000  # units of the decoder and of each direction of the encoder
    alignment: int = 1000
    maxout: int = 500
    longest: int = 50  # symbols that `predict` writes at most
    learning_rate: float = 1e-3  # of Adam; the paper has Adadelta
    clip: float = 1.0  # norm of the gradient


class Memory(NamedTuple):
    """The source as the decoder sees it."""

    annotations: Float[Array, "t h"]
    keys: Float[Array, "t a"]  # U h_j of (6), the same for every symbol of the target
    mask: Bool[Array, "t"]


def embed(table: Float[Array, "v e"], symbols: Int[Array, "*t"]) -> Float[Array, "*t e"]:
    """Rows of a small table as a product, whose gradient is another: on CPU a scatter inside a loop is slow."""
    return jax.nn.one_hot(symbols, len(table), dtype=table.dtype) @ table


def encode(params, source: Int[Array, "t"]) -> tuple[Memory, Float[Array, "h"]]:
    """The memory (7) and the decoder's first state tanh(W_s h_1), h_1 the last state of the backward direction."""
    mask = source != END
    rest = jnp.zeros(params["start"].shape[0])

    def read(cell, x, mask):
        return unroll(partial(gru, cell), rest, jax.vmap(partial(gru_inputs, cell))(x), mask)

    x = embed(params["source"], source)
    forward, backward = jax.vmap(read)(params["encoder"], jnp.stack([x, x[::-1]]), jnp.stack([mask, mask[::-1]]))
    annotations = jnp.concatenate([forward, backward[::-1]], axis=-1)
    return Memory(annotations, annotations @ params["keys"], mask), jnp.tanh(backward[-1] @ params["start"])


def attend(params, s: Float[Array, "h"], memory: Memory) -> tuple[Float[Array, "c"], Float[Array, "t"]]:
    """(5, 6): the context c_i and the weights alpha_i over the source; padding has weight zero."""
    energy = jnp.tanh((s @ params["query"])[None] + memory.keys) @ params["energy"]
    alpha = jax.nn.softmax(jnp.where(memory.mask, energy, -jnp.inf))
    return alpha @ memory.annotations, alpha


def advance(params, memory: Memory, s: Float[Array, "h"], y: Float[Array, "e"]):
    """(s_i, c_i, alpha_i) from s_{i-1} and the embedded y_{i-1}."""
    context, alpha = attend(params, s, memory)
    return gru(params["decoder"], s, gru_inputs(params["decoder"], jnp.concatenate([y, context]))), context, alpha


def readout(params, y: Float[Array, "*u e"], s: Float[Array, "*u h"], context: Float[Array, "*u c"]):
    """(4): log p of the next symbol [*u v]."""
    pairs = jnp.concatenate([y, s, context], axis=-1) @ params["maxout"]
    return jax.nn.log_softmax(pairs.reshape(*pairs.shape[:-1], -1, 2).max(-1) @ params["output"])


def teacher_forced(
    params, source: Int[Array, "t"], target: Int[Array, "u"]
) -> tuple[Float[Array, "u v"], Float[Array, "u t"]]:
    """(log p of every next symbol, alpha) where the decoder is fed with the target itself."""
    memory, s = encode(params, source)
    y = embed(params["target"], jnp.roll(target, 1).at[0].set(END))

    def step(s, y):
        s, context, alpha = advance(params, memory, s, y)
        return s, (s, context, alpha)

    _, (states, contexts, alphas) = jax.lax.scan(step, s, y)
    return readout(params, y, states, contexts), alphas


def free_running(params, source: Int[Array, "t"]) -> tuple[Step, Float[Array, "h"]]:
    """(step, carry) for the searches of ops/decoding: the decoder is fed with what it wrote."""
    memory, s = encode(params, source)

    def step(s, symbol):
        y = embed(params["target"], symbol)
        s, context, _ = advance(params, memory, s, y)
        return readout(params, y, s, context), s

    return step, s


def translate(params, source: Int[Array, "t"], width: int, length: int) -> Hypotheses:
    """The hypotheses of a beam for one source, the best first."""
    return beam_search(*free_running(params, source), width, length)


def seq2seq_attention(config: Config, source_size: int, target_size: int) -> Predictor:
    """A predictor of symbols from symbols; batches are (source [b, t], target [b, u]).

    Sources are padded with END, and so are targets, which have at least one END each. The sizes are those of the two
    alphabets, END included. predict(state, source) -> [b, longest], greedily.
    """

    def init(key: Key, batch):
        key, encoder_key, decoder_key = jax.random.split(key, 3)
        h, e = config.hidden, config.embedding
        shapes = {
            "source": (source_size, e),
            "target": (target_size, e),
            "start": (h, h),
            "query": (h, config.alignment),
            "keys": (2 * h, config.alignment),
            "energy": (config.alignment,),
            "maxout": (e + 3 * h, 2 * config.maxout),
            "output": (config.maxout, target_size),
        }
        encoder = jax.vmap(lambda key: gru_init(key, e, h))(jax.random.split(encoder_key))
        return weights(key, shapes) | {"encoder": encoder, "decoder": gru_init(decoder_key, e + 2 * h, h)}, ()

    def loss(key: Key, params, extra, batch):
        source, target = batch
        log_probs, _ = jax.vmap(teacher_forced, (None, 0, 0))(params, source, target)
        real = until_end(target)
        weight = real / real.sum()
        nats = -(weight * jnp.take_along_axis(log_probs, target[..., None], -1)[..., 0]).sum()
        accuracy = (weight * (log_probs.argmax(-1) == target)).sum()
        return nats, (extra, {"nats": nats, "accuracy": accuracy})

    def write(params, source, length):
        return jax.vmap(lambda source: greedy(*free_running(params, source), length))(source)

    def measure(key: Key, params, extra, batch):
        source, target = batch
        _, (_, metrics) = loss(key, params, extra, batch)
        exact = (write(params, source, target.shape[1]) == target).all(-1)
        return metrics | {"exact_match": exact.mean(dtype=metrics["nats"].dtype)}

    def predict(state: Fit, source: Int[Array, "b t"]) -> Int[Array, "b u"]:
        return write(state.params, source, config.longest)

    optimizer = optax.chain(optax.clip_by_global_norm(config.clip), optax.adam(config.learning_rate))
    return Predictor(*from_stateful_loss(init, loss, measure, optax.flatten(optimizer)), predict)  # compiles faster
