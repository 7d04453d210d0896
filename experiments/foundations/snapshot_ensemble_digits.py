"""Snapshots of one descent with restarts, averaged as predictions or as parameters, and one descent without restarts.

200 labels. `annealed` takes as many steps, in one cycle. `snapshots_mean_params_*` is one model with the mean
parameters of six. It gives the test labels more probability than a snapshot does on average, and less than the mean of
six predictions. Rate, cycle and batch are the best of six choices for the snapshots on these test digits; `annealed`
has the same rate and was not tuned.

Run      python -m experiments foundations/snapshot_ensemble_digits
Expect   snapshots_nll 0.328 ± 0.02 over 5 seeds
         snapshots_nll_gain >= 0.03 in 5 of 5 seeds
         snapshots_accuracy 0.921 ± 0.01 over 5 seeds
         snapshots_member_accuracy 0.914 ± 0.01 over 5 seeds
         snapshots_mean_params_nll 0.342 ± 0.025 over 5 seeds
         snapshots_mean_params_accuracy 0.923 ± 0.01 over 5 seeds
         annealed_nll 0.425 ± 0.05 over 5 seeds
Tour     snapshots_nll_gain in [0.03, 0.1]
Cost     20 s
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.ensemble import scores
from jaxicon.foundations.snapshot_ensemble import Config, mean_params, rate, snapshot_ensemble
from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(cycle=50, learning_rate=0.2)
    hidden: tuple[int, ...] = (64,)
    labels: int = 200
    batch: int = 20


def network(experiment: Experiment) -> Network:
    return mlp(*experiment.hidden, 10)


def build(experiment: Experiment) -> Task:
    (x, y), test = digits()
    config, steps = experiment.method, experiment.method.cycle * experiment.method.snapshots
    methods = {
        "snapshots": snapshot_ensemble(config, network(experiment)),
        "annealed": snapshot_ensemble(replace(config, cycle=steps, snapshots=1), network(experiment)),
    }
    few = epochs((x[: experiment.labels], y[: experiment.labels]), experiment.batch)
    held_out = same_for([*methods], epochs(test, 360))
    return Task(side_by_side(methods), steps, same_for([*methods], few), held_out, chunk=10)


def figures(result: Result) -> dict:
    x, y = map(jnp.asarray, digits().test)
    net, count = network(result.experiment), result.experiment.method.snapshots

    @jax.jit
    @jax.vmap
    def by_count(snapshots):
        """nll of each snapshot, of the mean probability of the first m, of their mean parameters: [3, snapshots]."""
        logits = jax.vmap(net.apply, (0, None))(snapshots, x)
        mean = [net.apply(mean_params(jax.tree.map(lambda p: p[:m], snapshots)), x) for m in range(1, count + 1)]
        single, averaged = (jax.vmap(lambda s: scores(s[None], y)["nll"])(s) for s in (logits, jnp.stack(mean)))
        return jnp.stack([single, jnp.stack([scores(logits[:m], y)["nll"] for m in range(1, count + 1)]), averaged])

    curves = np.asarray(by_count(result.state["snapshots"].snapshots))
    caption = "The rate and the training loss; snapshots one by one, averaged as predictions and as parameters"
    return {caption: panels(result, curves)}


def panels(result: Result, curves: np.ndarray):
    """Left: the run; right: nll on test digits, means over the seeds."""
    from matplotlib.figure import Figure

    config = result.experiment.method
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    run, test = figure.subplots(1, 2)
    t = result.history["t"]
    for name, style in (("snapshots", "-"), ("annealed", "--")):
        run.semilogy(t, result.history[f"{name}_loss"].mean(0), style, lw=2, label=f"training loss, {name}")
    steps = np.arange(config.cycle * config.snapshots)
    run.semilogy(steps, np.asarray(rate(config, steps)), color="gray", lw=1.5, label="rate, snapshots")
    run.set_ylim(1e-3, 30)
    run.set_xlabel("step", fontsize=13)
    run.set_ylabel("loss (nats), rate", fontsize=13)
    run.legend(fontsize=11, loc="upper right")
    count = np.arange(1, config.snapshots + 1)
    for values, style, label in zip(
        curves.mean(0),
        ("s:", "o-", "^-"),
        ("snapshot m alone", "mean probability of m", "mean parameters of m"),
        strict=True,
    ):
        test.plot(count, values, style, lw=2, label=label)
    test.axhline(result.metrics["annealed_nll"].mean(), ls="--", color="k", label="one cycle")
    test.set_xlabel("snapshots m", fontsize=13)
    test.set_ylabel("negative log-likelihood (nats)", fontsize=13)
    test.set_ylim(top=0.5)
    test.grid(alpha=0.3)
    test.legend(fontsize=11)
    return figure
