"""A linear policy for CartPole-v1, ten numbers, found by CMA-ES; 500 is the highest return there is.

A step rates 16 vectors on four episodes each, from the same starts; the policy that is measured is the mean of the
search. --rule takes cem or es in its place; the figure has all three.

Run      python -m experiments rl_policy/policy_search_cartpole
Expect   return >= 475 in 10 of 10 seeds
Tour     return in [475, 500] with --steps 20
Cost     10 s
"""

from dataclasses import dataclass, replace
from typing import Literal

from experiments._control import cartpole_film, scaled_cartpole
from experiments.task import Result, Task
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.ops.search import covariance_adaptation, cross_entropy, evolution_strategy
from jaxicon.rl_policy.policy_search import Config, policy_search

RULES = {"cma_es": covariance_adaptation(), "cem": cross_entropy(0.25, 0.3), "es": evolution_strategy(0.1)}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(population=16)
    rule: Literal["cma_es", "cem", "es"] = "cma_es"
    steps: int = 30


def build(experiment: Experiment) -> Task:
    method = policy_search(experiment.method, scaled_cartpole(), RULES[experiment.rule])
    return Task(method, experiment.steps, chunk=5)


def figures(result: Result) -> dict:
    return {
        "Mean return of a generation: every seed, and the mean": rules(result),
        "One episode of the mean of the search (first seed), every fourth frame": cartpole_film(result),
    }


def rules(result: Result):
    """Mean return of the generations of all three rules, over generations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in RULES:
        task = build(replace(result.experiment, rule=name))
        returns = train(result.keys, task.method, nothing, task.steps)[1]["return"].reshape(len(result.keys), -1)
        (line,) = axes.plot(returns.mean(0), lw=2.5, label=name)
        axes.plot(returns.T, color=line.get_color(), alpha=0.2)
    axes.set_title("CartPole: mean return of the vectors of a generation", fontsize=13)
    axes.set_xlabel("generation", fontsize=12)
    axes.set_ylabel("return", fontsize=12)
    axes.legend(fontsize=12, loc="lower right")
    return figure
