"""Ensembles of perceptrons on few digits: members that differ by chance alone, and members with data of their own.

200 labels. The members of `same` see all of them, those of `bagged` a resample each, on average 63 % of them. What
bagging gains by the variety of its members, they have lost by their data before: the two ensembles are equally good.

Run      python -m experiments foundations/ensemble_digits
Expect   same_accuracy 0.923 ± 0.01 over 5 seeds
         bagged_accuracy 0.925 ± 0.01 over 5 seeds
         same_nll 0.295 ± 0.015 over 5 seeds
         bagged_nll 0.30 ± 0.02 over 5 seeds
         same_nll_gain >= 0 in 5 of 5 seeds
         bagged_nll_gain >= 0.05 in 5 of 5 seeds
         same_accuracy_gain >= 0 over 5 seeds
         bagged_accuracy_gain >= 0.01 in 5 of 5 seeds
         bagged_variety >= 5 in 5 of 5 seeds
Tour     bagged_nll_gain in [0.05, 0.15]
Cost     15 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side, streams
from experiments.task import Result, Task
from jaxicon.core.method import Key
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.ensemble import bootstrapped, ensemble, scores, shuffled
from jaxicon.foundations.mlp import Config, mlp

NAMES = {"same": "same data", "bagged": "resamples"}


@dataclass(frozen=True)
class Experiment:
    member: Config = Config(hidden=(64,), learning_rate=3e-3)
    members: int = 16
    labels: int = 200
    steps: int = 400
    batch: int = 50  # of a member


def build(experiment: Experiment) -> Task:
    data, test = digits()
    few = tuple(part[: experiment.labels] for part in data)
    method = ensemble(mlp(experiment.member, classes=10), experiment.members)
    learner = side_by_side(dict.fromkeys(NAMES, method))
    size = experiment.batch, experiment.members

    def measure(key: Key, state) -> dict:
        both = learner.evaluate(key, state, dict.fromkeys(NAMES, tuple(map(jnp.asarray, test))))
        better = {f"{name}_accuracy_gain": both[f"{name}_accuracy"] - both[f"{name}_member_accuracy"] for name in NAMES}
        return better | {"bagged_variety": both["bagged_disagreement"] / both["same_disagreement"]}

    return Task(
        learner,
        experiment.steps,
        stream=streams({"same": shuffled(few, *size), "bagged": bootstrapped(few, *size)}),
        held_out=same_for([*NAMES], epochs(test, 360)),
        measure=measure,
    )


def figures(result: Result) -> dict:
    member = mlp(result.experiment.member, classes=10)
    x, y = map(jnp.asarray, digits().test)
    sizes = [m for m in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) if m <= result.experiment.members]

    @jax.jit
    @jax.vmap
    def by_size(state):
        """Scores of the ensemble of the first m members, for every m."""
        logits = jax.vmap(member.predict, (0, None))(state, x)
        found = [scores(logits[:m], y) for m in sizes]
        return {name: jnp.stack([f[name] for f in found]) for name in found[0]}

    found = {name: jax.tree.map(np.asarray, by_size(result.state[name])) for name in NAMES}
    return {"Ensembles by the number of their members: test digits, with one standard error": by_members(sizes, found)}


def by_members(sizes: list[int], found: dict):
    """Means over the seeds; dashed, the mean member of the whole ensemble."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    units = {"nll": 1, "accuracy": 100}
    for axes, (metric, unit) in zip(figure.subplots(1, 2), units.items(), strict=True):
        for colour, (name, label) in zip(("tab:blue", "tab:orange"), NAMES.items(), strict=True):
            values = unit * found[name][metric]
            error = values.std(0) / len(values) ** 0.5
            axes.errorbar(sizes, values.mean(0), error, fmt="o-", color=colour, capsize=3, lw=2, label=label)
            level = unit * found[name][f"member_{metric}"][:, -1].mean()
            axes.axhline(level, ls="--", color=colour, lw=1.5, label=f"{label}: mean member")
        if metric == "accuracy":
            votes = 100 * found["bagged"]["vote_accuracy"].mean(0)
            axes.plot(sizes, votes, ":", color="tab:red", lw=2, label="resamples: vote")
        axes.set_xlabel("members", fontsize=13)
        axes.set_ylabel({"nll": "negative log-likelihood (nats)", "accuracy": "accuracy (%)"}[metric], fontsize=13)
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=11, ncols=5, loc="outside lower center")
    figure.suptitle(f"Few labels: the mean probability of m perceptrons (seeds: {len(values)})", fontsize=14)
    return figure
