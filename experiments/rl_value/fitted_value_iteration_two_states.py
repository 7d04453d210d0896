"""Where fitted value iteration diverges: two states of value 0, and one weight w for V = w and V = 2 w.

From both states one goes to the second, for no reward. The fit to the backup multiplies w by 6/5 discount: `growth`
after 50 steps, from w = 1, for one discount below 5/6 and one above it. Nothing is drawn, so one run says it all.

Run      python -m experiments rl_value/fitted_value_iteration_two_states
Expect   below_growth 0.96 ± 0.000001 over 1 seeds
         above_growth 1.08 ± 0.000001 over 1 seeds
Tour     above_growth in [1.079, 1.081]
Cost     5 s
Dtype    float64
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.stream import epochs
from jaxicon.envs.outcomes import of_tables
from jaxicon.envs.tabular import MDP, environment
from jaxicon.nn.regression import least_squares
from jaxicon.rl_value.fitted_value_iteration import Config, fitted_value_iteration

FEATURES = np.array([[1.0], [2.0]])
DISCOUNTS = {"below": 0.8, "above": 0.9}


@dataclass(frozen=True)
class Experiment:
    steps: int = 50


def method(discount: float):
    """From w = 1."""
    mdp = MDP(np.array([[[0.0, 1]], [[0.0, 1]]]), np.zeros((2, 1)), discount, np.zeros(2, bool), np.array([1.0, 0]))
    env = environment(mdp, 10)._replace(observe=lambda state: jnp.asarray(FEATURES)[state])
    fit = fitted_value_iteration(Config(discount, 1), env, of_tables(mdp, FEATURES), least_squares(1, 0.0))
    return fit._replace(init=lambda key, states: jnp.ones((1, 1)))


def build(experiment: Experiment) -> Task:
    def measure(key: Key, state: State) -> Metrics:
        return {f"{name}_growth": state[name][0, 0] ** (1 / experiment.steps) for name in DISCOUNTS}

    stream = same_for([*DISCOUNTS], epochs(np.arange(2), 2))
    methods = {name: method(discount) for name, discount in DISCOUNTS.items()}
    return Task(side_by_side(methods), experiment.steps, stream, stream, measure=measure, chunk=1)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, discount in DISCOUNTS.items():
        value = result.history[f"{name}_value"][0] / (2 * discount)  # both targets are 2 discount w
        axes.semilogy(result.history["t"] - 1, value, label=f"discount {discount}")
    axes.axhline(1, color="#888888", lw=1)
    axes.set(title="Two states that are worth 0, as w and 2 w")
    axes.set_xlabel("backups and fits", fontsize=12)
    axes.set_ylabel("w", fontsize=12)
    axes.legend(fontsize=12)
    return {"Above a discount of 5/6 every fit is larger than the one before": figure}
