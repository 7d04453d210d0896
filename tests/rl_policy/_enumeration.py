"""Every trajectory of a small MDP with its probability, so that expectations are sums and have no sampling error.

Logits are a table [o, a], the policy their softmax; sees[s] is the observation in state s, the state itself if it is
not given. All of it in the default float: under x64 sums are exact to about 1e-15.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.envs.tabular import MDP, check


class Trajectories(NamedTuple):
    """n trajectories of t steps; after the end `alive` is false, the action 0 and the reward 0."""

    state: np.ndarray  # [n, t]
    action: np.ndarray  # [n, t]
    reward: np.ndarray  # [n, t]
    next_state: np.ndarray  # [n, t]
    alive: np.ndarray  # [n, t]: before the step
    chance: np.ndarray  # [n]: of the first state and of all transitions; without the policy, 1 would be a sum over a


def small_mdp(seed: int, states: int = 3, actions: int = 2, discount: float = 0.9, terminal: bool = True) -> MDP:
    """Random tables; the last state is the end if there is a terminal one, and never the first."""
    rng = np.random.default_rng(seed)
    transition, reward = rng.dirichlet(np.ones(states), (states, actions)), rng.normal(size=(states, actions))
    start = np.append(rng.dirichlet(np.ones(states - 1)), 0.0)
    over = terminal & (np.arange(states) == states - 1)
    transition[over], reward[over] = np.eye(states)[-1], 0.0
    return check(MDP(transition, reward, discount, over, start))


def trajectories(mdp: MDP, steps: int) -> Trajectories:
    """All that have a chance; about starts * (states * actions)^steps of them."""
    found = [([], s, p) for s, p in enumerate(mdp.start) if p]
    for _ in range(steps):
        found = [
            ([*rows, (s, a, mdp.reward[s, a], after, not mdp.terminal[s])], after, p * mdp.transition[s, a, after])
            for rows, s, p in found
            for a in range(1 if mdp.terminal[s] else mdp.reward.shape[1])
            for after in np.flatnonzero(mdp.transition[s, a])
        ]
    columns = (np.array(column) for column in zip(*(zip(*rows, strict=True) for rows, _, _ in found), strict=True))
    return Trajectories(*columns, np.array([p for _, _, p in found]))


def log_probs(played: Trajectories, logits, sees: np.ndarray | None = None):
    """log pi(a_t | s_t) [n, t]; 0 after the end."""
    seen = played.state if sees is None else np.asarray(sees)[played.state]
    return jnp.where(played.alive, jax.nn.log_softmax(logits)[seen, played.action], 0.0)


def probabilities(played: Trajectories, logits, sees: np.ndarray | None = None):
    """Of each trajectory [n]; they sum to 1."""
    return played.chance * jnp.exp(log_probs(played, logits, sees).sum(-1))


def expected_return(played: Trajectories, logits, discount: float = 1.0, sees: np.ndarray | None = None):
    """E sum_t discount^t r_t; jax.grad of it is the exact policy gradient, without a score function."""
    worth = played.reward @ discount ** np.arange(played.reward.shape[1])
    return probabilities(played, logits, sees) @ worth


def estimates(played: Trajectories, logits, weight, sees: np.ndarray | None = None):
    """sum_t weight_t grad log pi(a_t | s_t) of each trajectory [n, o, a], for weights [n, t] that are constants."""
    scores = jax.jacrev(lambda logits: log_probs(played, logits, sees))(logits)
    return jnp.einsum("nt,ntoa->noa", weight, scores)


def expectation(played: Trajectories, logits, x, sees: np.ndarray | None = None):
    """E x of something [n, ...] of each trajectory."""
    return jnp.tensordot(probabilities(played, logits, sees), x, 1)
