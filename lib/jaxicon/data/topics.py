"""An invented language of twenty topics: which words belong together is known, so that word vectors can be marked."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

TOPICS, WORDS, COMMON = 20, 25, 50  # words of every topic, and words that all topics share
SENTENCES, LENGTH = 3000, 20
SHARE = 0.12  # of the words of a sentence that are of its topic


class Corpus(NamedTuple):
    """int32; the topic of every word of the vocabulary is -1 where all topics share it."""

    text: Int[np.ndarray, "n t"]  # words as places in the vocabulary
    topic: Int[np.ndarray, "v"]


def topics() -> Corpus:
    """3,000 sentences of 20 words, each about one topic, to which one word in eight belongs; the same every time.

    The words of a topic are equally frequent; the shared words are not, the r-th is as frequent as 1 / r. The 550 words
    are in no order.
    """
    random = np.random.default_rng(0)
    size = (SENTENCES, LENGTH)
    rank = 1 / np.arange(1, COMMON + 1)
    own = random.integers(TOPICS, size=(SENTENCES, 1)) * WORDS + random.integers(WORDS, size=size)
    shared = TOPICS * WORDS + random.choice(COMMON, size, p=rank / rank.sum())
    place = random.permutation(TOPICS * WORDS + COMMON).astype(np.int32)
    topic = np.full(len(place), -1, np.int32)
    topic[place[: TOPICS * WORDS]] = np.repeat(np.arange(TOPICS), WORDS)
    return Corpus(place[np.where(random.uniform(size=size) < SHARE, own, shared)], topic)


def purity(near: Int[Array, "v k"], topic: Int[Array, "v"]) -> Float[Array, ""]:
    """The share of the neighbours near[w] of a topic's word w that are of the same topic, mean over those words."""
    of_topic = topic >= 0
    same = (topic[near] == topic[:, None]).mean(1, dtype=float)
    return (same * of_topic).sum() / of_topic.sum()
