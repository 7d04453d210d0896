"""Word vectors of the manual that travels with Python: which words it uses alike.

59,000 words are very few for word vectors. `above_noise` is how often a true neighbour in the last tenth of the text,
which is about other things, scores higher than a word of noise; 0.5 is chance. Without any knowledge of the words the
loss is at best 2.70, log 6 + 5 log(6/5).

Run      python -m experiments language/word2vec_text
Expect   above_noise 0.664 ± 0.01 over 3 seeds
         loss 2.586 ± 0.03 over 3 seeds
Tour     above_noise in [0.6, 0.72] with --steps 2000
Cost     40 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import epochs
from jaxicon.data.words import words
from jaxicon.language.word2vec import Config, nearest, word2vec


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(features=64, pairs=512, learning_rate=0.05, threshold=1e-3)
    steps: int = 5000
    batch: int = 64  # rows of 50 words


def build(experiment: Experiment) -> Task:
    text = words()
    method = word2vec(experiment.method, text.counts, experiment.steps)
    held_out = epochs(text.test, len(text.test))
    return Task(method, experiment.steps, epochs(text.train, experiment.batch), held_out, batches=20, chunk=500)


GROUPS = {
    "numbers": ("integer", "float", "decimal", "octal"),
    "containers": ("list", "tuple", "dictionary", "sequence"),
    "classes": ("class", "metaclass", "subclass", "inheritance"),
    "errors": ("exception", "except", "finally", "handler"),
    "debugger": ("breakpoint", "debugger", "command", "commands"),
}
ASKED = ("float", "string", "tuple", "true", "integer", "import", "method", "less", "key", "loop")


def picture(vectors: np.ndarray, place: dict[str, int]):
    """The words of GROUPS in the plane in which they differ most."""
    from matplotlib.figure import Figure

    known = [(word, color) for color, group in enumerate(GROUPS.values()) for word in group if word in place]
    unit = np.array([vectors[place[word]] / np.linalg.norm(vectors[place[word]]) for word, _ in known])
    centred = unit - unit.mean(0)
    points = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    for (word, color), point in zip(known, points, strict=True):
        axes.plot(*point, "o", color=f"C{color}")
        axes.annotate(word, point, (5, 4), textcoords="offset points", fontsize=13, color=f"C{color}")
    axes.margins(0.25, 0.1)
    axes.set_xlabel("first principal component", fontsize=13)
    axes.set_ylabel("second principal component", fontsize=13)
    return figure


def table(vectors: np.ndarray, vocabulary: tuple[str, ...], place: dict[str, int]):
    """Five neighbours of ten words."""
    from matplotlib.figure import Figure

    asked = [word for word in ASKED if word in place]
    near = nearest(jnp.asarray(vectors), jnp.array([place[word] for word in asked]), 5)
    figure = Figure(figsize=(9, 0.42 * len(asked) + 0.2))
    for i, (word, row) in enumerate(zip(asked, near.tolist(), strict=True)):
        height = 1 - (i + 0.5) / len(asked)
        figure.text(0.02, height, word, fontsize=15, weight="bold", va="center")
        figure.text(0.2, height, "  ".join(vocabulary[j] for j in row), fontsize=15, va="center")
    return figure


def figures(result: Result) -> dict:
    vectors, vocabulary = np.asarray(first_seed(result).centre), words().vocabulary
    place = {word: i for i, word in enumerate(vocabulary)}
    return {
        "Ten words and the words of the nearest vectors": table(vectors, vocabulary, place),
        "Words of five subjects, each in its colour, in two of the dimensions": picture(vectors, place),
    }
