"""Nine rules of exploration on ten Gaussian arms, UCB against its bounds, and a greedy player who was lied to.

`*_regret` is what a player lost in 1000 pulls against always pulling the best arm, a mean over 40 bandits of a seed,
and `*_optimal` the share of the best arm among the pulls. UCB1 also plays three arms that pay with chances 0.8, 0.5 and
0.4, 10,000 times: `ucb_fit` is the share of the variance of its regret that a line in ln t explains from t = 100 on,
`ucb_power` the exponent of t that would fit the last decade, `ucb_of_lai_robbins` the slope in units of the least that
any rule good on all bandits can have, 2.39, and `ucb_of_auer` the largest ratio to the bound of Auer et al. that holds
at every t. `stuck` is how often the greedy rule plays a sure arm of 0.2 for ever although the other pays 1 with a
chance of 0.8: the closed form is 1 / 1.8, for all that counts is which of them is first to pay.

Run      python -m experiments rl_tabular/bandit_testbed
Expect   random_regret 1539 ± 100 over 10 seeds
         greedy_regret 510 ± 110 over 10 seeds
         epsilon_regret 234 ± 25 over 10 seeds
         epsilon_others_regret 244 ± 25 over 10 seeds
         decaying_regret 163 ± 30 over 10 seeds
         boltzmann_regret 155 ± 30 over 10 seeds
         optimistic_regret 125 ± 40 over 10 seeds
         count_regret 60 ± 25 over 10 seeds
         ucb_regret 99 ± 10 over 10 seeds
         ucb_fit >= 0.99 in 10 of 10 seeds
         ucb_power <= 0.33 in 10 of 10 seeds
         ucb_of_lai_robbins 7.3 ± 0.5 over 10 seeds
         ucb_of_auer <= 0.25 in 10 of 10 seeds
         stuck 0.5556 ± 0.06 over 10 seeds
Tour     ucb_regret in [50, 110] with --steps 500
Cost     25 s
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments._rules import played, under_every_rule
from experiments.task import Result, Task
from jaxicon.envs.bandit import bernoulli, fixed, gaussian
from jaxicon.ops.exploration import greedily, rules, ucb
from jaxicon.rl_tabular.bandit import Config, bandit

ARMS = np.array([0.8, 0.5, 0.4])
GAPS = 0.8 - ARMS[1:]
LAI_ROBBINS = float((GAPS / (ARMS[1:] * np.log(ARMS[1:] / 0.8) + (1 - ARMS[1:]) * np.log((1 - ARMS[1:]) / 0.2))).sum())
UCB1 = bandit(Config(), fixed(bernoulli(3), ARMS), ucb(2**0.5))
SURE, CHANCE = 0.2, 0.8


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 1000
    arms: int = 10
    bandits: int = 40  # of a seed, for every rule
    pulls: int = 10_000  # of UCB against its bounds


def liars():
    """A sure arm, and a better one that often pays nothing."""
    pull = lambda key, mean: jnp.where(mean == CHANCE, jax.random.bernoulli(key, CHANCE).astype(float), mean)
    return fixed(bernoulli(2), np.array([SURE, CHANCE]))._replace(pull=pull)


def auer(t):
    """The bound of Auer et al., theorem 1."""
    return (8 / GAPS).sum() * jnp.log(t) + (1 + np.pi**2 / 3) * GAPS.sum()


def measure(experiment: Experiment, key, state) -> dict:
    pulls = experiment.pulls
    fair_key, liar_key = jax.random.split(key)
    _, regret = played(fair_key, UCB1, pulls, experiment.bandits)
    t = jnp.arange(1.0, pulls + 1)
    late, log = t >= 100, jnp.log(t)
    mean = lambda x: (x * late).sum() / late.sum()
    centred = lambda x: x - mean(x)
    slope = mean(centred(log) * centred(regret)) / mean(centred(log) ** 2)
    rest = centred(regret) - slope * centred(log)
    unlucky, _ = played(liar_key, bandit(Config(), liars(), greedily()), 60, 100)
    return {
        "ucb_fit": 1 - mean(rest**2) / mean(centred(regret) ** 2),
        "ucb_power": jnp.log(regret[-1] / regret[pulls // 10 - 1]) / np.log(10),
        "ucb_of_auer": (regret / auer(t)).max(),
        "ucb_of_lai_robbins": slope / LAI_ROBBINS,
        "stuck": (unlucky.visits[:, 0] > 0).mean(),
    }


def build(experiment: Experiment) -> Task:
    factory = lambda rule: bandit(experiment.method, gaussian(experiment.arms), rule)
    return Task(
        under_every_rule(rules(), factory, experiment.bandits),
        experiment.steps,
        measure=partial(measure, experiment),
        chunk=20,
    )


def regret_figure(history: dict[str, np.ndarray]):
    """Cumulative regret of every rule, a mean over seeds and bandits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes, t = figure.subplots(), history["t"]
    spans = np.diff(t, prepend=0)
    for i, name in enumerate(rules()):
        curve = (spans * history[f"{name}_regret"].mean(0)).cumsum()
        axes.plot(t, curve, color=f"C{i}", lw=2, label=name)
    axes.set(yscale="log")
    axes.set_title("Ten Gaussian arms: what exploring and not exploring cost", fontsize=13)
    axes.set_xlabel("pulls", fontsize=12)
    axes.set_ylabel("regret so far", fontsize=12)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=12)
    return figure


def bounds_figure(result: Result):
    """UCB over ln t, between what nobody beats and what it never exceeds."""
    from matplotlib.figure import Figure

    experiment = result.experiment
    run = jax.jit(jax.vmap(lambda key: played(key, UCB1, experiment.pulls, experiment.bandits)[1]))
    regrets, t = np.asarray(run(result.keys)), np.arange(1, experiment.pulls + 1)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for single in regrets:
        axes.plot(t, single, color="C0", alpha=0.3)
    axes.plot(t, regrets.mean(0), color="C0", lw=2.5, label="UCB1, mean of the seeds")
    axes.plot(t, LAI_ROBBINS * np.log(t), "k--", label="least slope: Lai & Robbins")
    axes.plot(t, np.asarray(auer(t)), "k:", label="bound of Auer et al.")
    axes.set(xscale="log", xlim=(10, None), ylim=(0, 200))
    axes.set_title(f"Arms of {', '.join(map(str, ARMS))}: the regret of UCB1 is a line in ln t", fontsize=13)
    axes.set_xlabel("pulls", fontsize=12)
    axes.set_ylabel("regret so far", fontsize=12)
    axes.legend(fontsize=12)
    return figure


def figures(result: Result) -> dict:
    return {
        "Regret of nine rules: random and greedy lose for ever, the others less and less": regret_figure(
            result.history
        ),
        "UCB1 against the bounds": bounds_figure(result),
    }
