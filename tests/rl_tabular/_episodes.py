"""What the tests of prediction share: a small chain, and the episodes from which a method has learned."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linprog

from jaxicon.envs.path import walk
from jaxicon.envs.tabular import MDP

POLICY = np.array([[0.3, 0.7], [0.6, 0.4], [0.5, 0.5], [1.0, 0.0]])


def chain() -> MDP:
    """Three states that lead to each other and, sooner or later, to the fourth, which is the end."""
    transition = np.array(
        [
            [[0.1, 0.5, 0.2, 0.2], [0.3, 0.3, 0.3, 0.1]],
            [[0.4, 0.1, 0.3, 0.2], [0.2, 0.0, 0.7, 0.1]],
            [[0.5, 0.3, 0.1, 0.1], [0.0, 0.5, 0.2, 0.3]],
            [[0.0, 0.0, 0.0, 1.0]] * 2,
        ]
    )
    reward = np.array([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.3], [0.0, 0.0]])
    return MDP(transition, reward, 0.9, np.arange(4) == 3, np.array([0.5, 0.3, 0.2, 0.0]))


def solved(mdp: MDP, policy: np.ndarray) -> np.ndarray:
    """V^pi by a linear solve over the states that are not the end."""
    alive = ~mdp.terminal
    transition = np.einsum("sa,sap->sp", policy, mdp.transition)[np.ix_(alive, alive)]
    value = np.zeros(alive.size)
    value[alive] = np.linalg.solve(
        np.eye(alive.sum()) - mdp.discount * transition, (policy * mdp.reward).sum(-1)[alive]
    )
    return value


@partial(jax.jit, static_argnames=("method", "episodes"))
def taught(key, method, episodes: int):
    """The state after so many episodes."""
    step = lambda state, t: (method.step(jax.random.fold_in(key, t), state, None)[0], None)
    return jax.lax.scan(step, method.init(jax.random.key(1), None), jnp.arange(episodes))[0]


@partial(jax.jit, static_argnames=("horizon", "count"))
def paths(key, horizon: int, count: int):
    """The paths in the chain behind `taught`."""
    return jax.vmap(lambda t: walk(jax.random.fold_in(key, t), chain(), POLICY, horizon))(jnp.arange(count))


def lists(paths) -> list:
    """(states, actions, rewards) of every path, up to where it ends."""
    rows = zip(*jax.tree.map(np.asarray, paths), strict=True)
    return [(s[: n + 1].tolist(), a[:n].tolist(), r[:n].tolist()) for s, a, r, n in rows]


def best(mdp: MDP) -> np.ndarray:
    """Q*, by a linear program: the least v with v >= r_a + discount P_a v for every action."""
    states = len(mdp.reward)
    rows = (mdp.discount * mdp.transition - np.eye(states)[:, None]).reshape(-1, states)
    value = linprog(np.ones(states), rows, -mdp.reward.ravel(), bounds=(None, None)).x
    return mdp.reward + mdp.discount * mdp.transition @ value
