"""Slippery FrozenLake, 4x4, for actors that are tables of logits: what their policy is worth exactly, and pictures."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.rl_tabular.value_iteration_frozen_lake import draw_lake
from experiments.task import Result, first_seed
from jaxicon.envs.environment import Environment
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import environment
from jaxicon.ops.returns import policy_value

LAKE = frozen_lake()
FIELDS = LAKE.terminal.size


def lake() -> Environment:
    """Fields seen as rows of the unit matrix; cut off after 100 moves."""
    return environment(LAKE, 100)._replace(observe=lambda state: jax.nn.one_hot(state, FIELDS))


def worth(policy: jax.Array) -> jax.Array:
    """The value of every field under policy [s, a], without sampling."""
    return policy_value(LAKE.transition, LAKE.reward, LAKE.discount, policy)


def measured(logits: Callable) -> Callable:
    """measure(key, state): `value` of the policy at the start, and `greedy_value` of its likeliest actions."""

    def measure(key, state):
        table = logits(state)
        greedy = jax.nn.one_hot(table.argmax(-1), 4)
        return {"value": worth(jax.nn.softmax(table))[0], "greedy_value": worth(greedy)[0]}

    return measure


def pictures(result: Result, logits: Callable) -> dict:
    """Chance and what was learned from it, by their exact values."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    policy = np.asarray(jax.nn.softmax(logits(first_seed(result))))
    chance = np.full_like(policy, 0.25)
    for axes, pi, name in zip(
        figure.subplots(1, 2), (chance, policy), ("chance, which played", "learned"), strict=True
    ):
        value = np.asarray(worth(jnp.asarray(pi)))
        draw_lake(axes, "4x4", value, pi, f"{name}: {value[0]:.3f} at the start")
    return {"Value of every field, and the likeliest moves, of the policy that played and of the one it taught": figure}
