"""GPT-2: a transformer that reads a text from left to right and predicts every next token.

Notes    CS182 §6.9.3, §6.7.2.4; DL4CV lecture 13; Deep-learning cookbook, GPT
Paper    Radford et al. 2019, Language models are unsupervised multitask learners; its training after Brown et al. 2020,
         arXiv:2005.14165
Systems  lang.gpt lang.transformer_text_gen
Idea     minimise  -1/T sum_t log2 p(x_t+1 | x_1 .. x_t),  p = softmax(E y_t),  y = blocks(E[x] + P)              (1)
         one table E of embeddings at both ends; under the causal mask y_t sees x_1 .. x_t and no more
         to write: draw x_t+1, append its keys and values to those of x_1 .. x_t, which do not change             (2)
"""

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.nn.network import default_float
from jaxicon.nn.transformer import block, blocks, dropout, init_blocks, init_norm, layer_norm, spread
from jaxicon.ops.affine import affine
from jaxicon.ops.attention import Memory, attention, causal


@dataclass(frozen=True)
class Config:
    context: int = 1024
    width: int = 768
    layers: int = 12
    heads: int = 12
    dropout: float = 0.1  # of the embeddings and of what a layer adds to them
    learning_rate: float = 6e-4  # the highest, after the warm-up; then a cosine takes it to a tenth
    warm_up: int = 2000
    decay_steps: int = 100_000  # at the end of the cosine
    weight_decay: float = 0.1
    clip: float = 1.0  # norm of the gradient


def forward(
    params, tokens: Int[Array, "*b t"], noise: Float[Array, "branches *#b #t #d"] | None = None
) -> Float[Array, "*b t v"]:
    """(1): logits of the token after each; noise is dropout's, for the embeddings and two branches of every block."""
    t, layers = tokens.shape[-1], params["blocks"]["attention_norm"]["scale"].shape[0]
    ones = (1,) * (tokens.ndim - 1)
    if noise is None:
        noise = jnp.ones((1 + 2 * layers, *ones, 1, 1))
    x = noise[0] * (params["token"]["embedding"][tokens] + params["position"]["embedding"][:t].reshape(*ones, t, -1))
    y = blocks(params["blocks"], x, causal, noise[1:].reshape(layers, 2, *noise.shape[1:]))
    return read(params, y)


def read(params, y: Float[Array, "*b d"]) -> Float[Array, "*b v"]:
    """Logits by the embeddings themselves."""
    return affine(layer_norm(params["norm"], y), params["token"]["embedding"].T)


def surprise(
    params, tokens: Int[Array, "*b t"], noise: Float[Array, "branches *#b #s #d"] | None = None
) -> Float[Array, "*b s"]:
    """-log p of every token but the first, in nats."""
    logits = forward(params, tokens[..., :-1], noise)
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[..., 1:])


def empty_memory(params) -> Memory:
    """Room for the keys and values of a whole context, in every block [layers, h, context, k]."""
    layers, _, h, k = params["blocks"]["attention"]["key"]["kernel"].shape
    room = jnp.zeros((layers, h, params["position"]["embedding"].shape[0], k), default_float())
    return room, room


def advance(params, memory: Memory, token: Int[Array, ""], t: Int[Array, ""]) -> tuple[Float[Array, "v"], Memory]:
    """(2): logits of the token after `token`, which is at place t, and the memory with it."""
    seen = partial(attention, mask=(jnp.arange(memory[0].shape[2]) <= t)[None])

    def one(x, layer):
        params, memory = layer
        put = lambda room, new: jax.lax.dynamic_update_slice_in_dim(room, new, t, axis=1)
        return block(params, x, seen, jnp.ones((2, 1, 1)), lambda new: jax.tree.map(put, memory, new))

    x = params["token"]["embedding"][token] + params["position"]["embedding"][t]
    y, memory = jax.lax.scan(one, x[None], (params["blocks"], memory))
    return read(params, y)[0], memory


def sample(
    key: Key, params, prompt: Int[Array, "p"], length: int, temperature: float | Float[Array, ""] = 1.0
) -> Int[Array, "length"]:
    """What follows the prompt, a token at a time, from softmax(logits / temperature).

    Raises ConfigError where prompt and continuation do not fit the context.
    """
    given, context = prompt.shape[0], params["position"]["embedding"].shape[0]
    if not 0 < given <= given + length <= context:
        raise ConfigError(f"gpt: {given} + {length} tokens; expected a prompt, and no more than {context} in all")

    def step(carry, t):
        token, memory = carry
        logits, memory = advance(params, memory, token, t)
        drawn = jax.random.categorical(jax.random.fold_in(key, t), logits / temperature)
        token = jnp.where(t + 1 < given, prompt[t + 1], drawn)
        return (token, memory), token

    start = prompt[0], empty_memory(params)
    return jax.lax.scan(step, start, jnp.arange(given + length - 1))[1][given - 1 :]


def adamw(config: Config) -> optax.GradientTransformation:
    """Clipped gradients; weights and embeddings decay, biases and scales do not."""
    share = optax.warmup_cosine_decay_schedule(0.0, 1.0, config.warm_up, config.decay_steps, end_value=0.1)
    rate = lambda t: config.learning_rate * share(t)
    decays = lambda params: jax.tree.map_with_path(lambda path, _: path[-1].key not in ("bias", "scale"), params)
    descent = optax.adamw(rate, b2=0.95, weight_decay=config.weight_decay, mask=decays)
    return optax.chain(optax.clip_by_global_norm(config.clip), descent)


def gpt(config: Config, symbols: int) -> Predictor:
    """A language model of tokens [b, t + 1], each below `symbols`, t <= config.context; predicts logits.

    It is trained on every position and evaluated on the later half of each text, whose tokens have at least t / 2
    before them: windows that overlap by a half measure every token once.
    """

    def init(key: Key, tokens: Int[Array, "b t"]):
        if tokens.shape[1] - 1 > config.context:
            raise ConfigError(
                f"gpt: texts of {tokens.shape[1]} tokens; expected at most context + 1 = {config.context + 1}"
            )
        keys = jax.random.split(key, 3)
        table = lambda key, rows: spread(config.width) * jax.random.normal(key, (rows, config.width), default_float())
        return {
            "token": {"embedding": table(keys[0], symbols)},
            "position": {"embedding": table(keys[1], config.context)},
            "blocks": init_blocks(keys[2], config.layers, config.width, config.heads),
            "norm": init_norm(config.width),
        }, ()

    def loss(key: Key, params, extra, tokens: Int[Array, "b t"]):
        shape = 1 + 2 * config.layers, tokens.shape[0], tokens.shape[1] - 1, config.width
        nats = surprise(params, tokens, dropout(key, shape, config.dropout)).mean()
        return nats, (extra, {"bits_per_character": nats / math.log(2)})

    def predict(state: Fit, tokens: Int[Array, "b t"]) -> Float[Array, "b t v"]:
        return forward(state.params, tokens)

    def measure(key: Key, params, extra, tokens: Int[Array, "b t"]):
        nats = surprise(params, tokens)
        return {"bits_per_character": nats[:, tokens.shape[1] // 2 :].mean() / math.log(2)}

    return Predictor(*from_stateful_loss(init, loss, measure, adamw(config)), predict)
