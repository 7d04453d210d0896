"""What the experiments on text share: the n-gram model to beat, learning curves in bits, pages of generated text."""

import textwrap

import numpy as np

from experiments.task import Result
from jaxicon.data.text import Text
from jaxicon.ops.kneser_ney import bits_per_symbol, fit

ORDER = 5


def kneser_ney(text: Text) -> float:
    """Bits per character of the interpolated Kneser-Ney 5-gram model on the test part; the training part leads in."""
    model = fit(text.train, len(text.alphabet), ORDER)
    return bits_per_symbol(model, np.concatenate([text.train[1 - ORDER :], text.test]))


def bits_figure(result: Result, characters: int, baseline: float, model: str):
    """Bits per character of every seed while learning, over characters read (`characters` a step); at the end on the
    test part, beside the n-gram model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    read, bits = result.history["t"] * characters / 1e6, result.history["bits_per_character"]
    for single in bits:
        axes.plot(read, single, color="#1f77b4", alpha=0.3)
    axes.plot(read, bits.mean(0), color="#1f77b4", lw=2.5, label="training windows, mean of the seeds")
    final = result.metrics["bits_per_character"]
    axes.plot(np.full(len(final), read[-1]), final, "o", color="#e67e22", label=f"held-out text: {final.mean():.2f}")
    axes.axhline(baseline, color="#c0392b", ls="--", label=f"held-out text, Kneser-Ney 5-gram: {baseline:.2f}")
    axes.set_ylim(min(baseline, final.min()) - 0.3, 3.4)
    axes.set_title(f"{model}: bits per character while learning", fontsize=14)
    axes.set_xlabel("million characters read", fontsize=13)
    axes.set_ylabel("bits per character", fontsize=13)
    axes.legend(fontsize=11, loc="upper right")
    return figure


def page(characters: str, columns: int = 56, rows: int = 18):
    """The first rows of a text in a fixed pitch."""
    from matplotlib.figure import Figure

    wrap = lambda line: textwrap.wrap(line, columns, drop_whitespace=False) or [""]
    lines = [piece for line in characters.splitlines() for piece in wrap(line)]
    figure = Figure(figsize=(0.12 * columns + 0.3, 0.24 * rows + 0.2), facecolor="#fbfaf5")
    figure.text(0.02, 0.97, "\n".join(lines[:rows]), family="monospace", fontsize=14, va="top", parse_math=False)
    return figure
