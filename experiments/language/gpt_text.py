"""A GPT-2 of 0.8 million parameters on Python's manual, character by character, against counts of five characters.

It reads as many characters as the LSTM does, 2 million, in windows of 64 from anywhere in the training part. The
46,000 held out are read in windows that overlap by a half, of which the later half counts: each character is predicted
from the 33 to 64 before it. An interpolated Kneser-Ney 5-gram model with discount 0.75 needs `kneser_ney` bits each.

Run      python -m experiments language/gpt_text
Expect   bits_per_character <= 1.80 over 3 seeds
         kneser_ney 1.76 ± 0.005 over 3 seeds
Tour     bits_per_character in [3.3, 3.75] with --steps 100 --method.layers 2 --method.warm-up 20
Cost     600 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments import _text
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import Stream, epochs, placed
from jaxicon.data.text import decode, encode, text
from jaxicon.language.gpt import Config, gpt, sample

PARTS = 4  # of the held-out text, for the memory's sake


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        context=64, width=128, layers=4, heads=4, dropout=0.1, learning_rate=3e-3, warm_up=200, decay_steps=4000
    )
    steps: int = 4000
    batch: int = 8


def crops(sequence: np.ndarray, batch_size: int, width: int) -> Stream:
    """Windows [batch_size, width] from anywhere in the sequence, drawn with replacement."""

    def plan(key, ts, sequence):
        start = lambda t: jax.random.randint(jax.random.fold_in(key, t), (batch_size,), 0, len(sequence) - width + 1)
        return jax.vmap(start)(ts)

    return Stream(placed(sequence), plan, lambda starts, sequence: sequence[starts[:, None] + jnp.arange(width)[None]])


def overlapping(train: np.ndarray, test: np.ndarray, context: int) -> np.ndarray:
    """Windows [n, context + 1] whose later halves are the test part, in order; n is a multiple of PARTS."""
    half = context // 2
    whole = np.concatenate([train[half - context - 1 :], test])
    windows = np.lib.stride_tricks.sliding_window_view(whole, context + 1)[::half]
    return windows[: len(windows) // PARTS * PARTS]


def build(experiment: Experiment) -> Task:
    data, context = text(), experiment.method.context
    baseline, held_out = jnp.asarray(_text.kneser_ney(data)), overlapping(data.train, data.test, context)
    return Task(
        gpt(experiment.method, len(data.alphabet)),
        experiment.steps,
        stream=crops(data.train, experiment.batch, context + 1),
        held_out=epochs(held_out, len(held_out) // PARTS),
        batches=PARTS,
        measure=lambda key, state: {"kneser_ney": baseline},
        chunk=50,
    )


def write(key: jax.Array, params, prompt: np.ndarray, count: int, temperature: float, context: int) -> np.ndarray:
    """The prompt and `count` tokens or a few more, half a context at a time, each part after the one before."""
    half = context // 2
    go_on = jax.jit(lambda key, end: sample(key, params, end, context - half, temperature))
    tokens = prompt
    while len(tokens) < len(prompt) + count:
        tokens = np.append(tokens, go_on(jax.random.fold_in(key, len(tokens)), jnp.asarray(tokens[-half:])))
    return tokens


def figures(result: Result):
    experiment, data, params = result.experiment, text(), first_seed(result).params
    context = experiment.method.context
    prompt = encode('\nThe "while" statement\n*********************\n\n', data.alphabet)
    pages = {heat: write(result.keys[0], params, prompt, 900, heat, context) for heat in (0.8, 1.0)}
    curve = _text.bits_figure(result, experiment.batch * context, _text.kneser_ney(data), "GPT")
    return {
        "Learning to predict the next character of Python's manual": curve,
        "Written by the model at temperature 0.8, after a headline": _text.page(decode(pages[0.8], data.alphabet)),
        "The same at temperature 1": _text.page(decode(pages[1.0], data.alphabet)),
    }
