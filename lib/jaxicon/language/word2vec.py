"""Skip-gram with negative sampling: a vector for every word, from the words around it.

Notes    CS182 §6.8.1; RL & DL notebook U4
Paper    Mikolov et al. 2013, arXiv:1310.4546, §2.2 and §2.3; Levy & Goldberg 2014, for (4)
Systems  lang.word2vec_negative_sampling
Idea     maximise  log sigmoid(u_o . v_c) + sum_i log sigmoid(-u_i . v_c)  over pairs of a word c and a word o near it,
         with k words i drawn from the unigram distribution to the power 3/4                                     (1)
         a word of frequency f is left out of the text with probability 1 - sqrt(t / f), anew each time          (2)
         a word at distance d counts with probability (w + 1 - d) / w: the window is drawn from 1 .. w           (3)
         the optimum is  u_o . v_c = log p(c, o) / (p(c) p_noise(o)) - log k                                     (4)
Erratum  CS182 §6.8.1 sums the softmax's denominator over the data; it is a sum over the vocabulary
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Metrics, Predictor


@dataclass(frozen=True)
class Config:
    features: int = 300
    window: int = 5  # w
    negatives: int = 5  # k
    power: float = 0.75
    threshold: float = 1e-5  # t
    pairs: int = 256  # of one step; with too many, the sums of the frequent words' gradients overshoot
    learning_rate: float = 0.025  # at first; it falls in a straight line, to a ten-thousandth of this


class Embedding(NamedTuple):
    """Two vectors for every word."""

    centre: Float[Array, "v d"]
    context: Float[Array, "v d"]
    t: Int[Array, ""]  # steps made


class Pairs(NamedTuple):
    """Words that were drawn, as places in the vocabulary; the first target is the neighbour, the others are noise."""

    centre: Int[Array, "n"]
    targets: Int[Array, "n m"]
    counts: Bool[Array, "n"]  # whether the neighbour exists


def loss(v: Float[Array, "d"], u: Float[Array, "m d"]) -> Float[Array, ""]:
    """(1) of one pair, negated: u[0] is the neighbour's vector."""
    return -jax.nn.log_sigmoid(u[0] @ v) - jax.nn.log_sigmoid(-(u[1:] @ v)).sum()


def gradient(v: Float[Array, "d"], u: Float[Array, "m d"]) -> tuple[Float[Array, "d"], Float[Array, "m d"]]:
    """Of `loss`, by hand: sigmoid(u . v) minus 1 for the neighbour and 0 for the noise is all that is needed."""
    error = jax.nn.sigmoid(u @ v) - (jnp.arange(len(u)) == 0)
    return error @ u, error[:, None] * v[None]


def kept(frequency: Float[Array, "v"], threshold: float) -> Float[Array, "v"]:
    """(2): the probability with which a word stays in the text."""
    return jnp.minimum(1, jnp.sqrt(threshold / frequency))


def neighbours(
    key: Key, text: Int[Array, "b t"], keep: Float[Array, "v"], window: int, count: int
) -> tuple[Int[Array, "n"], Int[Array, "n"], Bool[Array, "n"]]:
    """`count` pairs of words that stand near each other, (centre, context, whether there is such a context).

    The rows of the text are sentences, filled up with -1. What is left out makes those around it neighbours: (2) comes
    before (3). A place is drawn, then a distance, then a side, so that every pair is as frequent as (3) makes it.
    """
    keep_key, place_key, distance_key, side_key = jax.random.split(key, 4)
    stays = jax.random.bernoulli(keep_key, jnp.where(text < 0, 0, keep[text])).ravel()
    place = jnp.argsort(~stays)  # stable: those that stay, in order
    total = stays.sum()
    i = jax.random.randint(place_key, (count,), 0, jnp.maximum(total, 1))
    share = np.arange(window, 0, -1).cumsum() * 2 / (window * (window + 1))
    distance = 1 + jnp.searchsorted(jnp.asarray(share), jax.random.uniform(distance_key, (count,)))
    j = i + jnp.where(jax.random.bernoulli(side_key, 0.5, (count,)), distance, -distance)
    inside = (j >= 0) & (j < total)
    here, there = place[i], place[jnp.where(inside, j, i)]
    together = here // text.shape[1] == there // text.shape[1]
    words = text.ravel()
    return words[here], words[there], inside & together


def word2vec(config: Config, counts: Int[np.ndarray, "v"], steps: int) -> Predictor:
    """Vectors of the words that occur `counts` times in the text, learned in `steps` steps.

    A batch is text [b, t]: sentences as places in the vocabulary, filled up with -1. predict(state, words) gives their
    vectors v. Raises ConfigError for a word that never occurs.
    """
    if min(counts) < 1:
        raise ConfigError(f"word2vec: word {int(np.argmin(counts))} occurs {min(counts)} times; expected at least one")
    keep = kept(jnp.asarray(counts / counts.sum()), config.threshold)
    noise = np.cumsum(counts**config.power)
    noise = jnp.asarray(noise / noise[-1])

    def draw(key: Key, text: Int[Array, "b t"]) -> Pairs:
        pair_key, noise_key = jax.random.split(key)
        centre, context, counts = neighbours(pair_key, text, keep, config.window, config.pairs)
        negative = jnp.searchsorted(noise, jax.random.uniform(noise_key, (config.pairs, config.negatives)))
        return Pairs(centre, jnp.concatenate([context[:, None], negative], axis=1), counts)

    def init(key: Key, text: Int[Array, "b t"]) -> Embedding:
        shape = (len(counts), config.features)
        centre = jax.random.uniform(key, shape, minval=-0.5, maxval=0.5) / config.features
        return Embedding(centre, jnp.zeros(shape), jnp.zeros((), int))

    def measure(state: Embedding, pairs: Pairs) -> Metrics:
        v, u = state.centre[pairs.centre], state.context[pairs.targets]
        scores = jnp.einsum("nd,nkd->nk", v, u)
        share = pairs.counts / jnp.maximum(pairs.counts.sum(), 1)
        above = (scores[:, :1] > scores[:, 1:]).mean(1, dtype=v.dtype)
        return {"loss": share @ jax.vmap(loss)(v, u), "above_noise": share @ above}

    def step(key: Key, state: Embedding, text: Int[Array, "b t"]) -> tuple[Embedding, Metrics]:
        pairs = draw(key, text)
        rate = config.learning_rate * jnp.maximum(1 - state.t / steps, 1e-4) * pairs.counts
        dv, du = jax.vmap(gradient)(state.centre[pairs.centre], state.context[pairs.targets])
        centre = state.centre.at[pairs.centre].add(-rate[:, None] * dv)
        context = state.context.at[pairs.targets].add(-rate[:, None, None] * du)
        return Embedding(centre, context, state.t + 1), measure(state, pairs)

    def evaluate(key: Key, state: Embedding, text: Int[Array, "b t"]) -> Metrics:
        return measure(state, draw(key, text))

    def predict(state: Embedding, words: Int[Array, "n"]) -> Float[Array, "n d"]:
        return state.centre[words]

    return Predictor(init, step, evaluate, predict)


def nearest(vectors: Float[Array, "v d"], words: Int[Array, "n"], count: int) -> Int[Array, "n count"]:
    """The words whose vectors have the largest cosines with those of `words`, without the words themselves."""
    unit = vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    cosine = (unit[words] @ unit.T).at[jnp.arange(len(words)), words].set(-jnp.inf)
    return jax.lax.top_k(cosine, count)[1]
