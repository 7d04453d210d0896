"""A spiking network reads the digits by when pixels fire: each once, the darker the earlier, the blank ones never.

Half of the pixels fire, once in 16 steps: a fifteenth of the spikes of the rate code in spiking_network_digits.
The class is the output neuron with the highest mean potential; `accuracy_half` is what the first 8 steps tell,
`firing_input` the share of steps at which a pixel fires.

Run      python -m experiments foundations/spiking_network_latency_digits
Expect   accuracy 0.955 ± 0.015 over 5 seeds
         accuracy_half 0.91 ± 0.03 over 5 seeds
         firing_input <= 0.04 over 5 seeds
Tour     accuracy in [0.9, 1]
Cost     20 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.foundations.spiking_network_digits import over_time, raster
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.spiking_network import Config, activity, latency_code, spiking_network


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(128,), readout="potential", learning_rate=2e-3)
    time: int = 16  # steps: one for each grey
    steps: int = 1000
    batch: int = 64


def build(experiment: Experiment) -> Task:
    coded = lambda x: np.asarray(latency_code(jnp.asarray(x), experiment.time))
    train, test = ((coded(x), y) for x, y in digits())
    method = spiking_network(experiment.method, classes=10)

    def measure(key: Key, state: Fit) -> dict:
        x, y = map(jnp.asarray, test)
        return {
            "accuracy_half": over_time(state.params, x, y, experiment.method)[experiment.time // 2 - 1],
            "firing_input": x.mean(),
        }

    return Task(method, experiment.steps, epochs(train, experiment.batch), epochs(test, 360), measure=measure)


def figures(result: Result) -> dict:
    x, y = digits().test
    train = latency_code(jnp.asarray(x[:1]), result.experiment.time)
    layers = activity(first_seed(result).params, train, result.experiment.method)
    caption = f"One {y[0]}, every pixel fires once: spikes of every layer, potentials of the output"
    return {caption: raster(train[0], layers, result.experiment.method)}
