"""An LSTM of 256 units on Python's manual, character by character, against counts of five characters.

Nearly four times through 418,000 characters; the other 46,000, held out, are read in ten tracks, each from a state of
zeros to its end. An interpolated Kneser-Ney 5-gram model with discount 0.75 needs `kneser_ney` bits for each of them.

Run      python -m experiments sequence/lstm_text
Expect   bits_per_character <= 1.759 over 3 seeds
         kneser_ney 1.76 ± 0.005 over 3 seeds
Tour     bits_per_character in [2.4, 3.1] with --steps 80
Cost     300 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments import _text
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import windows
from jaxicon.data.text import decode, encode, text
from jaxicon.sequence.lstm import Config, generate, logits, lstm, rest

TRACKS = 10  # of the held-out text


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(dropout=0.1, learning_rate=5e-3, decay_steps=1500)
    steps: int = 1500
    batch: int = 16
    width: int = 64


def build(experiment: Experiment) -> Task:
    data = text()
    baseline = jnp.asarray(_text.kneser_ney(data))
    return Task(
        lstm(experiment.method, len(data.alphabet)),
        experiment.steps,
        stream=windows(data.train, experiment.batch, experiment.width),
        held_out=windows(data.test, TRACKS, (len(data.test) - 1) // TRACKS),
        measure=lambda key, state: {"kneser_ney": baseline},
        chunk=50,
    )


def figures(result: Result):
    experiment, data, params = result.experiment, text(), first_seed(result).params
    prompt = '\nThe "until" statement\n*********************\n\n'
    carries, _ = logits(params, rest(params), jnp.asarray(encode(prompt[:-1], data.alphabet)))
    last = jnp.asarray(encode(prompt[-1], data.alphabet)[0])
    write = lambda heat: decode(np.asarray(generate(result.keys[0], params, carries, last, 900, heat)), data.alphabet)
    curve = _text.bits_figure(result, experiment.batch * experiment.width, _text.kneser_ney(data), "LSTM")
    return {
        "Learning to predict the next character of Python's manual": curve,
        "After the headline of a statement that Python has not: temperature 0.5": _text.page(prompt + write(0.5)),
        "The same at temperature 1": _text.page(prompt + write(1.0)),
    }
