"""TD(0), SARSA and Q-learning on the same grid: three answers, to three different questions.

All play the same way, epsilon-greedily with epsilon 0.3, where a move costs 1 and the discount is 0.9. TD(0) is given
the policy that is best among these. Distances are means over states (and actions) that are not the end, from the exact
values of the table below: V^pi and Q^pi of the policy, Q* of the best one. Each method is near its own, and SARSA and
Q-learning are far from each other's, though they saw the same kind of play.

Run      python -m experiments rl_tabular/sarsa_three_answers --seeds 10
Expect   td0_from_v_pi <= 0.05 over 10 seeds
         sarsa_from_q_pi <= 0.09 over 10 seeds
         q_learning_from_q_star <= 0.05 over 10 seeds
         sarsa_from_q_star >= 0.5 in 10 of 10 seeds
         q_learning_from_q_pi >= 0.5 in 10 of 10 seeds
Tour     sarsa_from_q_star in [0.4, 1.5]
Cost     15 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task
from jaxicon.core.stream import nothing
from jaxicon.envs.grid_world import star_grid
from jaxicon.envs.tabular import MDP, look_ahead
from jaxicon.ops.exploration import constant, epsilon_greedy
from jaxicon.ops.returns import policy_value
from jaxicon.rl_tabular import q_learning as control
from jaxicon.rl_tabular import td0 as prediction
from jaxicon.rl_tabular.sarsa import sarsa

EPSILON = 0.3
ROWS = {  # what each is said to learn, and by which policy
    "td0": ("TD(0)", "V^pi", "of a given policy"),
    "sarsa": ("SARSA", "Q^pi", "of the policy that plays"),
    "q_learning": ("Q-learning", "Q*", "of the best policy, whoever plays"),
}


@dataclass(frozen=True)
class Experiment:
    evaluate: prediction.Config = prediction.Config(1.0, 0.7, horizon=1)  # cut off after every move: that costs nothing
    play: control.Config = control.Config(power=0.7, horizon=200)
    steps: int = 80_000  # moves of each


def truths(mdp: MDP) -> dict:
    """The policy, V^pi, Q^pi and Q*. The policy: epsilon-greedy in its own Q^pi, found by policy iteration."""
    exact = lambda q, epsilon: jnp.asarray(look_ahead(mdp, value(jax.vmap(lambda q: epsilon_greedy(q, epsilon))(q))))
    value = lambda policy: policy_value(mdp.transition, mdp.reward, mdp.discount, policy)
    fixed = lambda epsilon: jax.lax.fori_loop(0, 50, lambda _, q: exact(q, epsilon), jnp.zeros(mdp.reward.shape))
    q = fixed(EPSILON)
    policy = jax.vmap(lambda q: epsilon_greedy(q, EPSILON))(q)
    return {"policy": policy, "v_pi": value(policy), "q_pi": q, "q_star": fixed(0.0)}


def build(experiment: Experiment) -> Task:
    mdp = star_grid()._replace(discount=0.9)
    true = truths(mdp)
    rule, alive = constant(EPSILON), ~mdp.terminal
    everywhere = np.where(alive, 1.0, 0.0)
    given = mdp._replace(start=everywhere / everywhere.sum())
    methods = {
        "td0": prediction.td0(experiment.evaluate, given, np.asarray(true["policy"], float)),
        "sarsa": sarsa(experiment.play, given, rule),
        "q_learning": control.q_learning(experiment.play, given, rule),
    }

    def measure(key, state):
        off = lambda found, name: jnp.abs(found - true[name])[alive].mean()
        sarsa_q, best_q = state["sarsa"].learned.q, state["q_learning"].q
        return {
            "td0_from_v_pi": off(state["td0"].value, "v_pi"),
            "sarsa_from_q_pi": off(sarsa_q, "q_pi"),
            "sarsa_from_q_star": off(sarsa_q, "q_star"),
            "q_learning_from_q_pi": off(best_q, "q_pi"),
            "q_learning_from_q_star": off(best_q, "q_star"),
        }

    data = same_for(list(ROWS), nothing)
    return Task(side_by_side(methods), experiment.steps, data, data, measure=measure, chunk=8000)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.9), layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    measured = lambda name: f"{result.metrics[name].mean():.3f}" if name in result.metrics else ""
    columns = {"V^pi": "v_pi", "Q^pi": "q_pi", "Q*": "q_star"}
    row = lambda name: [*ROWS[name][1:], *(measured(f"{name}_from_{column}") for column in columns.values())]
    cells = [row(name) for name in ROWS]
    labels = [label for label, *_ in ROWS.values()]
    heads = ["learns", "", *(f"from {column}" for column in columns)]
    widths = [0.1, 0.36, 0.13, 0.13, 0.13]
    drawn = axes.table(cells, rowLabels=labels, colLabels=heads, colWidths=widths, loc="center", cellLoc="center")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(12)
    drawn.scale(1, 2)
    return {"What each of them learns, and how far from what it ended, in the mean of all seeds": figure}
