"""Nine rules of exploration in three worlds: a bandit, a DeepSea of ten rows, the lake of 4x4 without slips.

All rules and seeds of a world are one program: the rules are data. `WORLD_RULE_return` is what the greedy policy earns
at the end; `bandit_RULE_found` says whether its arm is the best of ten, the second of which is worse by 0.2, where
rewards have a deviation of 1: the greedy and the optimistic player are content with an arm that was lucky.

In the lake every rule finds the goal. The treasure of DeepSea is a single way among 1024, all others of which cost
something: a rule finds it for sure only if what was not seen looks good from afar, as it does to optimistic first
values and to a bonus in the bootstrap. Random play sees it once in 1024 episodes, which in 1000 of them is rarely often
enough; Boltzmann's rule is random as long as all values are near zero. Whoever prefers the best of what is known keeps
to the left, where nothing is lost. UCB's bonus is for the next action alone and does not spread.

Run      python -m experiments rl_value/exploration_zoo --seeds 64
Expect   sea_optimistic_return >= 0.98 in 64 of 64 seeds
         sea_count_return >= 0.98 in 64 of 64 seeds
         sea_greedy_return <= 0 over 64 seeds
         sea_epsilon_return <= 0.05 over 64 seeds
         sea_epsilon_others_return <= 0.05 over 64 seeds
         sea_decaying_return <= 0.05 over 64 seeds
         sea_ucb_return <= 0.05 over 64 seeds
         sea_random_return 0.18 ± 0.14 over 64 seeds
         lake_epsilon_return >= 1 in 64 of 64 seeds
         lake_count_return >= 1 in 64 of 64 seeds
         bandit_ucb_found >= 1 in 62 of 64 seeds
         bandit_epsilon_found >= 1 in 60 of 64 seeds
         bandit_greedy_found 0.3 ± 0.15 over 64 seeds
Tour     sea_optimistic_return in [0.98, 1] with --steps 4000
Cost     70 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments._rules import under_every_rule
from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.envs import bandit
from jaxicon.envs.deep_sea import deep_sea
from jaxicon.envs.environment import Environment
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import MDP, environment
from jaxicon.ops.exploration import boltzmann, counting, decaying, optimistic, rules, ucb
from jaxicon.rl_value.exploration import Config, exploration

MEANS = np.array([0.1, -0.8, 1.0, 0.4, -0.2, 0.8, 0.0, -1.2, 0.5, -0.3])
FOR_WORLDS = rules() | {  # where values are at most 1 and many steps away
    "decaying": decaying(1.0, 1000.0),
    "boltzmann": boltzmann(0.1),
    "optimistic": optimistic(1.0),
    "count": counting(0.1, 2.0),
    "ucb": ucb(0.1),
}
TITLES = {"bandit": "Bandit: reward", "sea": "DeepSea: return", "lake": "Lake of 4x4: return"}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(step_size=1.0, power=0.0)  # of the two worlds in which nothing is left to chance
    steps: int = 10_000
    rows: int = 10


def seen_one_by_one(mdp: MDP, horizon: int) -> Environment:
    """Every state is a feature of its own."""
    return environment(mdp, horizon)._replace(observe=lambda state: jax.nn.one_hot(state, mdp.terminal.size))


def build(experiment: Experiment) -> Task:
    discount = experiment.method.discount
    arms = bandit.environment(bandit.gaussian(MEANS.size), MEANS)
    sea = seen_one_by_one(deep_sea(experiment.rows, discount), experiment.rows)
    lake = seen_one_by_one(frozen_lake("4x4", False, discount), 100)
    method = side_by_side(
        {
            "bandit": under_every_rule(rules(), lambda rule: exploration(Config(power=1.0), arms, rule)),
            "sea": under_every_rule(FOR_WORLDS, lambda rule: exploration(experiment.method, sea, rule)),
            "lake": under_every_rule(FOR_WORLDS, lambda rule: exploration(experiment.method, lake, rule)),
        }
    )
    stream = same_for([*TITLES], nothing)
    return Task(method, experiment.steps, stream, stream, measure=measure, chunk=200)


def measure(key: jax.Array, state: dict) -> dict:
    found = (state["bandit"].weights[:, 0, 0].argmax(-1) == MEANS.argmax()).astype(float)
    return {f"bandit_{rule}_found": found[i] for i, rule in enumerate(rules())}


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.6), layout="constrained")
    metrics = {"bandit": "reward", "sea": "return", "lake": "return"}
    for axes, (world, title) in zip(figure.subplots(1, 3), TITLES.items(), strict=True):
        for i, rule in enumerate(rules()):
            curve = result.history[f"{world}_{rule}_{metrics[world]}"].mean(0)
            axes.plot(result.history["t"], curve, color=f"C{i}", lw=2, label=rule)
        axes.set_title(title, fontsize=14)
        axes.set_xlabel("moves", fontsize=12)
    figure.axes[0].set(xscale="log")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=9, fontsize=12)
    return {"What nine rules earn while they explore, mean of the seeds": figure}
