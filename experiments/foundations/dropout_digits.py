"""Dropout on 200 of the 8x8 digits: a network far too large for them, with and without.

Both networks start from the same weights, see the same batches and train in one program: they differ in the
probabilities to stay alone, `method` for the one, 1 for the other. `lead` is the difference of their accuracies on the
held-out digits, `lead_in_loss` that of their losses, both in favour of dropout.

Run      python -m experiments foundations/dropout_digits
Expect   lead_in_loss 0.185 ± 0.05 over 5 seeds
         lead_in_loss >= 0.1 in 5 of 5 seeds
         lead >= 0 over 5 seeds
         accuracy_dropout 0.934 ± 0.01 over 5 seeds
         accuracy_none 0.922 ± 0.01 over 5 seeds
Tour     lead_in_loss in [0.05, 0.35]
Cost     25 s
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Fit, Key, Learner, varied
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.dropout import Config, draw, dropout, geometric_mean, thinned
from jaxicon.nn import mlp as nn

NAMES = ("dropout", "none")


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(256, 256))
    examples: int = 200
    steps: int = 2000
    batch: int = 50


def named(learner: Learner) -> Learner:
    """The metrics of the two configurations as scalars, by name."""
    split = lambda metrics: {f"{k}_{name}": v[i] for k, v in metrics.items() for i, name in enumerate(NAMES)}

    def step(key: Key, state: Fit, batch):
        state, metrics = learner.step(key, state, batch)
        return state, split(metrics)

    return Learner(learner.init, step, lambda key, state, batch: split(learner.evaluate(key, state, batch)))


def build(experiment: Experiment) -> Task:
    (x, y), test = digits()
    configs = [experiment.method, replace(experiment.method, keep=1.0, input_keep=1.0)]
    few = x[: experiment.examples], y[: experiment.examples]
    learner = named(varied(lambda config: dropout(config, classes=10), configs))

    def measure(key: Key, state: Fit) -> dict:
        held_out, seen = (learner.evaluate(key, state, data) for data in (test, few))
        return {
            "lead": held_out["accuracy_dropout"] - held_out["accuracy_none"],
            "lead_in_loss": held_out["loss_none"] - held_out["loss_dropout"],
            **{f"training_{name}": value for name, value in seen.items()},
        }

    stream = epochs(few, experiment.batch)
    return Task(learner, experiment.steps, stream, epochs(test, 360), measure=measure)


def figures(result: Result) -> dict:
    return {
        "Loss while training, without masks: what dropout costs on the training set it saves on the test set": curves(
            result
        ),
        "The average of thinned networks, which the whole network approximates": ensemble(result),
    }


def curves(result: Result):
    """The first seed's run once more, measured every 50 steps without masks on both sets."""
    from matplotlib.figure import Figure

    (x, y), _ = digits()
    count, every = result.experiment.examples, 50
    sets = {"training": epochs((x[:count], y[:count]), count), "test": result.task.held_out}
    points = []

    def hook(t, state, metrics):
        measured = {name: evaluate(result.keys[:1], result.task.method, state, s, 1) for name, s in sets.items()}
        points.append({f"{name}_{m}": value[0] for name, found in measured.items() for m, value in found.items()})

    train(result.keys[:1], result.task.method, result.task.stream, result.experiment.steps, chunk=every, hooks=[hook])
    figure = Figure(figsize=(6.4, 4.5), layout="constrained")
    axes, t = figure.subplots(), every * (1 + np.arange(len(points)))
    for name, colour in zip(NAMES, ("C0", "C1"), strict=True):
        for part, style in (("test", "-"), ("training", ":")):
            label = f"{part}, {'with dropout' if name == 'dropout' else 'without'}"
            axes.plot(t, [p[f"{part}_loss_{name}"] for p in points], style, color=colour, lw=2.5, label=label)
    axes.set(yscale="log", ylim=(5e-6, 3))
    axes.set_xlabel("step", fontsize=13)
    axes.set_ylabel("cross-entropy (nats)", fontsize=13)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, loc="lower left")
    return figure


def ensemble(result: Result):
    """Test loss of the mean over k thinned networks of the first seed, and of the whole network."""
    from matplotlib.figure import Figure

    (x, y), config = digits().test, result.experiment.method
    params = jax.tree.map(lambda w: w[0], first_seed(result).params)  # of the network with dropout
    keeps = config.input_keep, *[config.keep] * len(config.hidden)
    counts = (1, 2, 4, 8, 16, 32, 64, 128)

    @jax.jit
    def thin(key):
        """log p of all test digits by one thinned network."""
        kept = draw(key, params, keeps)
        return jax.nn.log_softmax(jax.vmap(lambda x: thinned(params, x, kept, keeps))(x))

    log_p = jax.lax.map(thin, jax.random.split(jax.random.key(0), 128))
    loss = lambda log_p: -np.asarray(log_p)[np.arange(len(y)), y].mean()
    uniform = lambda k: jnp.full(k, 1 / k)
    geometric = [loss(jax.vmap(geometric_mean, (1, None))(log_p[:k], uniform(k))) for k in counts]
    arithmetic = [loss(jax.nn.logsumexp(log_p[:k], axis=0, b=1 / k)) for k in counts]
    figure = Figure(figsize=(6.4, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(counts, arithmetic, "o-", lw=2, label="arithmetic mean")
    axes.plot(counts, geometric, "s-", lw=2, label="geometric mean, normalised")
    axes.axhline(loss(jax.nn.log_softmax(nn.forward(params, x))), color="k", ls="--", label="the whole network")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, counts)
    axes.set_xlabel("thinned networks", fontsize=13)
    axes.set_ylabel("cross-entropy on the test set (nats)", fontsize=13)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11)
    return figure
