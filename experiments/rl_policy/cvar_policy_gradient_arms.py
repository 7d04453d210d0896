"""A safe arm that pays 1 and a risky one that pays 2, or -3 in one of ten cases: 1.5 on average.

In the worst fifth of its rounds the risky arm pays -0.5 on average; played with probability p, the exact CVaR is
1 - 2 p up to p = 8/9. So the careful learner ends with the safe arm, and the same learner at level 1, where CVaR is
the mean, with the risky one. `*_return` and `*_cvar`, always of the worst fifth, are those of 2000 rounds of the
likeliest arm.

Run      python -m experiments rl_policy/cvar_policy_gradient_arms
Expect   careful_return 1 ± 0.001 in 10 of 10 seeds
         careful_cvar 1 ± 0.001 in 10 of 10 seeds
         neutral_return 1.5 ± 0.05 over 10 seeds
         neutral_cvar -0.5 ± 0.15 over 10 seeds
Tour     careful_return in [0.999, 1.001]
Cost     20 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.ops.risk import cvar
from jaxicon.rl_policy.cvar_policy_gradient import cvar_policy_gradient
from jaxicon.rl_policy.reinforce import Config

SAFE, LUCK, RUIN, CHANCE = 1.0, 2.0, -3.0, 0.1


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(4,), learning_rate=0.05, batch=50, discount=1.0, episodes=2000)
    steps: int = 200
    level: float = 0.2


def arms() -> Environment:
    def step(key, state, action):
        risky = jnp.where(jax.random.bernoulli(key, CHANCE), RUIN, LUCK)
        return state, jnp.where(action == 1, risky, SAFE), jnp.array(True)

    return Environment(lambda key: jnp.zeros(()), step, lambda state: jnp.ones(1), Discrete(2), 1)


def build(experiment: Experiment) -> Task:
    learner = lambda level: cvar_policy_gradient(experiment.method, arms(), level, judged_by=experiment.level)
    stream = same_for(["careful", "neutral"], nothing)
    method = side_by_side({"careful": learner(experiment.level), "neutral": learner(1.0)})
    return Task(method, experiment.steps, stream, stream, chunk=5)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    learning, exact = figure.subplots(1, 2)
    for i, name in enumerate(("careful", "neutral")):
        for single in result.history[f"{name}_return"]:
            learning.plot(result.history["t"], single, color=f"C{i}", alpha=0.25)
        learning.plot(result.history["t"], result.history[f"{name}_return"].mean(0), f"C{i}", lw=2.5, label=name)
    learning.set_title("Return while learning", fontsize=13)
    learning.set_xlabel("updates", fontsize=12)
    p = np.linspace(0, 1, 101)
    chances = np.stack([CHANCE * p, 1 - p, (1 - CHANCE) * p], -1)
    worst = jax.vmap(lambda chance: cvar(jnp.array([RUIN, SAFE, LUCK]), result.experiment.level, chance))
    exact.plot(p, np.asarray(worst(jnp.asarray(chances, float))), "C0", lw=2.5, label="CVaR")
    exact.plot(p, chances @ [RUIN, SAFE, LUCK], "C1", lw=2.5, label="mean")
    exact.set_title("What the risky arm is worth", fontsize=13)
    exact.set_xlabel("probability of the risky arm", fontsize=12)
    for axes in (learning, exact):
        axes.legend(fontsize=12)
    return {"The mean wants the risky arm, its worst fifth the safe one": figure}
