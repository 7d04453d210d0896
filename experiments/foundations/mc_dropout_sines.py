"""What MC-dropout does not know: a wave that was not seen in the middle.

`gap_ratio` is the standard deviation over passes in the gap, by that on the data (root mean squares; the noise is not
counted), `outside_ratio` that at 1.5 times the range of the data. `coverage` is the share of held-out y in mean +- 2
predictive standard deviations (noise included), 0.954 for the truth; `coverage_gap` that in the gap.

Run      python -m experiments foundations/mc_dropout_sines
Expect   gap_ratio 2.9 ± 0.7 over 5 seeds
         gap_ratio >= 1.5 in 5 of 5 seeds
         outside_ratio >= 1 in 5 of 5 seeds
         coverage 0.964 ± 0.02 over 5 seeds
         log_likelihood 0.09 ± 0.05 over 5 seeds
Tour     gap_ratio in [1.5, 6]
Cost     25 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.foundations import _sines
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import epochs
from jaxicon.foundations.mc_dropout import Config, keeps, mc_dropout, moments, passes


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(precision=25.0)  # the noise of the data
    examples: int = 100
    steps: int = 4000
    batch: int = 50


def build(experiment: Experiment) -> Task:
    config = experiment.method

    def measure(key: Key, state: Fit) -> dict:
        test_x, test_y = _sines.points(1, 1000)
        gap_y = _sines.truth(_sines.IN_GAP) + _sines.NOISE * jax.random.normal(key, _sines.IN_GAP.shape)
        pass_key = jax.random.fold_in(key, 1)
        places = [_sines.ON_DATA, _sines.IN_GAP, np.array([[-4.5], [4.5]], np.float32), test_x]
        outputs = passes(pass_key, state.params, keeps(config), jnp.concatenate(places), 500)
        on, gap, outside, test = jnp.split(outputs, np.cumsum([len(x) for x in places])[:-1], axis=1)
        std = lambda outputs: jnp.sqrt(outputs.var(0).mean())

        def coverage(outputs, y):
            mean, variance = moments(outputs, config.precision)
            return (abs(y - mean) <= 2 * jnp.sqrt(variance)).mean(dtype=y.dtype)

        return {
            "std_data": std(on),
            "gap_ratio": std(gap) / std(on),
            "outside_ratio": std(outside) / std(on),
            "coverage": coverage(test, test_y),
            "coverage_gap": coverage(gap, gap_y),
        }

    stream = epochs(_sines.points(0, experiment.examples), experiment.batch)
    method = mc_dropout(config, outputs=1, examples=experiment.examples)
    return Task(method, experiment.steps, stream, epochs(_sines.points(1, 1000), 1000), measure=measure, chunk=250)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    config, state = result.experiment.method, first_seed(result)
    run = jax.jit(lambda key: passes(key, state.params, keeps(config), jnp.array(_sines.PLACES), 500))
    outputs = run(jax.random.key(0))
    mean, variance = (np.asarray(m)[:, 0] for m in moments(outputs, config.precision))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(_sines.PLACES[:, 0], np.asarray(outputs)[:20, :, 0].T, color="0.7", lw=0.6)
    data = _sines.points(0, result.experiment.examples)
    _sines.band(axes, mean, np.sqrt(variance), data, "20 thinned networks (grey), mean and spread of 500")
    axes.set_ylabel("y", fontsize=13)
    axes.legend(fontsize=11, loc="upper center", ncols=3)
    return {"Predictions with dropout left on; in the grey middle there were no data": figure}
