"""Dates as people write them into ISO 8601, character by character, by an encoder and decoder with attention.

Ten forms, from 3/14/2015 to 'Saturday, the 14th of March 2015'; no day of the test is among the days of the training.

Run      python -m experiments sequence/seq2seq_attention_dates
Expect   exact_match >= 0.98 in 3 of 3 seeds
Tour     exact_match in [0.8, 1] with --steps 300
Cost     45 s
"""

from dataclasses import dataclass

import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import epochs
from jaxicon.data.dates import TARGET, dates, decode
from jaxicon.sequence.seq2seq_attention import Config, seq2seq_attention, teacher_forced


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(embedding=16, hidden=32, alignment=32, maxout=16, longest=11, learning_rate=6e-3)
    steps: int = 700
    batch: int = 32


def build(experiment: Experiment) -> Task:
    train, test, alphabet = dates()
    method = seq2seq_attention(experiment.method, len(alphabet) + 1, len(TARGET) + 1)
    return Task(method, experiment.steps, stream=epochs(train, experiment.batch), held_out=epochs(test, 2000))


def attention_map(alpha: np.ndarray, source: str, target: str):
    """The weights [len(target), len(source)]: from left to right what is read, from top to bottom what is written."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.3 * len(source) + 1.2, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(alpha, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), source.replace(" ", "␣"), fontsize=15, family="monospace")
    axes.set_yticks(range(len(target)), target, fontsize=15, family="monospace")
    axes.set_xlabel("read", fontsize=13)
    axes.set_ylabel("written", fontsize=13)
    return figure


def figures(result: Result) -> dict:
    params, split = first_seed(result).params, dates()
    texts = [decode(source, split.alphabet) for source in split.test[0][:200]]
    maps = {}
    for words in (", the ", "/", "-"):
        i = next(i for i, text in enumerate(texts) if words in text)
        symbols = result.task.method.predict(first_seed(result), split.test[0][i : i + 1])
        alpha = np.asarray(teacher_forced(params, split.test[0][i], symbols[0])[1])
        written = decode(np.asarray(symbols[0]), TARGET)
        title = f"Where it looked while it wrote {written} (black: all weight on one character)"
        maps[title] = attention_map(alpha[: len(written), : len(texts[i])], texts[i], written)
    return maps
