"""Word vectors of an invented language, in which it is known which words belong together.

Twenty topics of 25 words; one word in eight is of its sentence's topic, the others are shared by all topics. `purity`
is the share of a word's ten nearest neighbours that are of its topic: by chance 0.05, with gensim 0.998 in 25 epochs.

Run      python -m experiments language/word2vec_topics
Expect   purity >= 0.9 in 3 of 3 seeds
Tour     purity in [0.9, 1]
Cost     25 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import epochs
from jaxicon.data.topics import purity, topics
from jaxicon.language.word2vec import Config, nearest, word2vec


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(features=50, pairs=512, learning_rate=0.05, threshold=1e-3)
    steps: int = 3000
    batch: int = 64  # sentences


def build(experiment: Experiment) -> Task:
    text, topic = topics()
    method = word2vec(experiment.method, np.bincount(text.ravel()), experiment.steps)
    words = jnp.arange(len(topic))
    stream = epochs(text, experiment.batch)
    measure = lambda key, state: {"purity": purity(nearest(state.centre, words, 10), jnp.asarray(topic))}
    return Task(method, experiment.steps, stream=stream, held_out=stream, measure=measure, chunk=500)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    vectors, topic = np.asarray(first_seed(result).centre), topics().topic
    order = np.argsort(np.where(topic < 0, topic.max() + 1, topic), kind="stable")
    unit = vectors[order] / np.linalg.norm(vectors[order], axis=1, keepdims=True)
    figure = Figure(figsize=(7, 5.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(unit @ unit.T, cmap="Blues", vmin=0, vmax=1)
    middles = [12, 137, 262, 387, 525]
    axes.set_xticks(middles, ["topic 1", "topic 6", "topic 11", "topic 16", "shared"], fontsize=12)
    axes.set_yticks(middles, ["1", "6", "11", "16", "shared"], fontsize=12)
    figure.colorbar(image, ax=axes, shrink=0.8).set_label("cosine of two words' vectors", fontsize=13)
    return {"All 550 words, topic by topic, the shared ones last: blocks are topics that were found": figure}
