"""What Q-learning cannot do: choose at random on purpose, among very many actions, or among all of a continuum.

Notes    MIT 6.S191 lecture 5
Book     Sutton & Barto 2018, example 13.1, the corridor
Paper    Singh, Jaakkola & Jordan 1994, ICML, on policies without memory
Systems  rl.q_downsides
"""

from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.envs.tabular import MDP, check
from jaxicon.ops.returns import policy_value


class Limits(NamedTuple):
    """What policies without memory are worth at the start, where states that look alike are played alike."""

    deterministic: float  # the best of them
    actions: tuple[int, ...]  # of that one, by what is seen
    stochastic: float
    policy: Float[np.ndarray, "o a"]  # of that one


def corridor(discount: float = 0.9) -> MDP:
    """Three cells and the goal to the right of them, -1 a step; in the second one, left and right are exchanged.

    Action 0 is left. If all cells look alike, whoever always goes one way never gets past the second one.
    """
    goes = np.array([[0, 1], [2, 0], [1, 3], [3, 3]])
    over = np.arange(4) == 3
    reward = np.where(over, 0.0, -1.0)[:, None].repeat(2, 1)
    return MDP(np.eye(4)[goes], reward, discount, over, np.eye(4)[0])


def value_at_start(mdp: MDP, looks: Int[np.ndarray, "s"], policy: Float[Array, "o a"]) -> Float[Array, ""]:
    """Exact discounted value of playing policy[looks[s]] in state s."""
    return mdp.start @ policy_value(mdp.transition, mdp.reward, mdp.discount, policy[looks])


def q_limits(mdp: MDP, looks: Int[np.ndarray, "s"], steps: int = 1000) -> Limits:
    """The best deterministic policy, by trying all, and the best stochastic one, by ascent of its exact value.

    looks[s] is what is seen of state s; a greedy policy of action values is one of the deterministic ones. The ascent
    starts from the uniform policy. Raises ConfigError for an ill-formed MDP and a `looks` of another length.
    """
    actions = check(mdp).reward.shape[1]
    if np.shape(looks) != mdp.terminal.shape:
        raise ConfigError(f"q_limits: looks has shape {np.shape(looks)}; expected {mdp.terminal.shape}")
    worth = lambda policy: value_at_start(mdp, looks, policy)
    table = np.array(list(product(range(actions), repeat=int(np.max(looks)) + 1)))
    values = jax.lax.map(lambda choice: worth(jax.nn.one_hot(choice, actions)), jnp.asarray(table))
    adam, uniform = optax.adam(optax.linear_schedule(0.1, 0.0, steps)), jnp.zeros((table.shape[1], actions))

    def rise(_, carry):
        logits, opt_state = carry
        gradient = jax.grad(lambda x: -worth(jax.nn.softmax(x)))(logits)
        updates, opt_state = adam.update(gradient, opt_state)
        return optax.apply_updates(logits, updates), opt_state

    policy = jax.nn.softmax(jax.lax.fori_loop(0, steps, rise, (uniform, adam.init(uniform)))[0])
    best = int(values.argmax())
    return Limits(float(values[best]), tuple(table[best].tolist()), float(worth(policy)), np.asarray(policy))


def worst_reply(payoff: Float[np.ndarray, "a b"], policy: Float[np.ndarray, "a"]) -> float:
    """What a policy earns in a matrix game of one who knows it."""
    return float((policy @ payoff).min())


def heads(dims: int, tolerance: float) -> int:
    """How many actions a table needs so that every action in [-1, 1]^dims is within `tolerance` of one, by coordinate.

    Q-learning takes a maximum over that many values in every step: of one dimension and a tolerance of 0.1 ten, of the
    eight joints of a simple robot a hundred million.
    """
    positive("heads", dims=dims, tolerance=tolerance)
    return int(np.ceil(1 / tolerance - 1e-9)) ** dims
