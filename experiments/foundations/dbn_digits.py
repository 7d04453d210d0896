"""Deep belief network on the 8x8 digits, of which 100 have a label.

The machines learn from all 1,437 digits, fine-tuning from the 10 of each class that have a label. `gain` is what
its accuracy has over `probe_accuracy`, that of a logistic regression on the pixels of the same 100 digits: with five
other hundreds, 0.912 against 0.898 on average. Without pretraining (--method.pretraining 0) the accuracy is 0.70.
`excess_l` is what machine l knows of the units below it beyond their frequencies: its pseudo-likelihood of test digits
less that of independent units, in nats.

Run      python -m experiments foundations/dbn_digits
Expect   accuracy 0.884 ± 0.012 over 5 seeds
         gain >= 0.005 over 5 seeds
         gain >= 0 in 5 of 5 seeds
         excess_1 >= 6.5 over 5 seeds
         excess_2 >= 6.5 over 5 seeds
Tour     accuracy in [0.86, 0.91]
Cost     30 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.foundations.rbm_digits import images as tiles
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Key, Metrics
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.dbn import Config, State, dbn, generate, upwards
from jaxicon.foundations.rbm import pseudo_likelihood
from jaxicon.representation.linear_probe import accuracy, linear_probe


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    labels: int = 10  # of each class
    steps: int = 8000
    batch: int = 32


def partly_labelled(labels: int) -> tuple[np.ndarray, np.ndarray]:
    """The training digits; y is -1 for all but the first so many of each class."""
    x, y = digits().train
    known = np.concatenate([np.flatnonzero(y == digit)[:labels] for digit in range(10)])
    return x, np.where(np.isin(np.arange(len(y)), known), y, -1).astype(np.int32)


def independent(h: Float[Array, "n d"], test: Float[Array, "m d"]) -> Float[Array, ""]:
    """Mean log-likelihood of test rows under units with the frequencies of h, in nats."""
    p = (h.sum(0) + 1) / (h.shape[0] + 2)
    return (test * jnp.log(p)[None] + (1 - test) * jnp.log(1 - p)[None]).sum(1).mean()


def build(experiment: Experiment) -> Task:
    train, test = partly_labelled(experiment.labels), digits().test
    method, images = dbn(experiment.method, 10), [jnp.asarray(x) for x, _ in (train, test)]
    labelled = images[0][train[1] >= 0], jnp.asarray(train[1][train[1] >= 0])

    def measure(key: Key, state: State) -> Metrics:
        probe = accuracy(linear_probe(*labelled, 10), images[1], jnp.asarray(test[1]))
        correct = method.predict(state, images[1]).argmax(-1) == test[1]
        metrics = {"probe_accuracy": probe, "gain": correct.mean(dtype=probe.dtype) - probe}
        for i, machine in enumerate(state.machines):
            h, held_out = (upwards(jax.random.fold_in(key, 2 * i + j), state.machines[:i], images[j]) for j in (0, 1))
            gain = pseudo_likelihood(machine.params, held_out).mean() - independent(h, held_out)
            metrics[f"excess_{i + 1}"] = gain
        return metrics

    streams = epochs(train, experiment.batch), epochs(test, 360)
    return Task(method, experiment.steps, *streams, measure=measure, chunk=500)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    machines, figure = first_seed(result).machines, Figure(figsize=(9, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    weights = machines[0].params.weights
    strongest, limit = np.argsort(-np.linalg.norm(weights, axis=0))[:48], np.abs(weights).max() / 2
    tiles(left, weights.T[strongest], 8, "filters of the first layer", cmap="RdBu_r", vmin=-limit, vmax=limit)
    dreams = generate(jax.random.key(0), machines, 48)
    tiles(right, dreams, 8, "samples of the whole network", cmap="gray_r", vmin=0, vmax=1)
    return {"What pretraining found: red speaks for a unit, blue against it; and digits that it makes up": figure}
