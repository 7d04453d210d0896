"""Finite Markov decision processes as tables, and as environments that can be played.

Notes    RL & DL notebook U1; DL4CV lectures 21 and 24; CS182 §7.2, §7.4.4
Book     Sutton & Barto 2018, chapter 3
Systems  rl.mdp rl.discount_death
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxicon.core.checks import within
from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.ops.exploration import draw, greedy
from jaxicon.ops.returns import action_values, policy_value
from jaxicon.ops.successors import Successors


class MDP(NamedTuple):
    """Tables on the host, in float64; whoever computes with them uses the default float."""

    transition: Float[np.ndarray, "s a s"] | Successors  # p(s' | s, a); of large models, only of states that can follow
    reward: Float[np.ndarray, "s a"]  # expected reward of action a in state s
    discount: float
    terminal: Bool[np.ndarray, "s"]  # absorbing and without reward, so that their value is 0
    start: Float[np.ndarray, "s"]  # distribution of the first state


def distributions(where: str, **tables: np.ndarray) -> None:
    """Raises ConfigError, in the name of `where`, for the first row [..., n] that is no distribution over n things."""
    for name, table in tables.items():
        wrong = ~(table >= 0).all(-1) | ~np.isclose(table.sum(-1), 1, rtol=0, atol=1e-6)
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            row = table[place]
            raise ConfigError(f"{where}: {name}{place} is no distribution: sum {row.sum():g}, least {row.min():g}")


def _following(mdp: MDP) -> tuple[np.ndarray, np.ndarray]:
    """Who may follow a state and an action, and how likely each is."""
    if isinstance(mdp.transition, Successors):
        return mdp.transition
    return np.arange(len(mdp.transition))[None, None], mdp.transition


def check(mdp: MDP) -> MDP:
    """The same MDP; raises ConfigError with the first thing that is wrong with it."""
    after, chance = _following(mdp)
    shape, reward, terminal, start = map(np.shape, (chance, mdp.reward, mdp.terminal, mdp.start))
    sparse = isinstance(mdp.transition, Successors)
    expected = (*reward, *(shape[2:] if sparse else reward[:1]))
    if len(reward) != 2 or shape != expected or not terminal == start == reward[:1]:
        raise ConfigError(
            f"mdp: transition, reward, terminal, start are {shape}, {reward}, {terminal}, {start};"
            f" expected (s, a, {'k' if sparse else 's'}), (s, a), (s,), (s,)"
        )
    if sparse and (np.shape(after) != shape or after.min() < 0 or after.max() >= reward[0]):
        raise ConfigError(
            f"mdp: successors have shape {np.shape(after)} and lie in [{after.min()}, {after.max()}];"
            f" expected {shape}, in [0, {reward[0] - 1}]"
        )
    within("mdp", 0, 1, discount=mdp.discount)
    if not np.isfinite(mdp.reward).all():
        raise ConfigError(f"mdp: reward{tuple(np.argwhere(~np.isfinite(mdp.reward))[0].tolist())} is not finite")
    distributions("mdp", transition=chance, start=mdp.start[None])
    own = np.flatnonzero(mdp.terminal)
    others = np.broadcast_to(after, shape)[own] != own[:, None, None]
    wrong = (others & (chance[own] > 0)).any((1, 2)) | mdp.reward[own].any(-1)
    if wrong.any():
        raise ConfigError(f"mdp: state {own[wrong][0]} is terminal but can be left or pays a reward")
    return mdp


def environment(mdp: MDP, horizon: int) -> Environment:
    """The MDP as something to play: the state and the observation are the index of the state."""
    _, actions = check(mdp).reward.shape

    def reset(key):
        return draw(key, jnp.asarray(mdp.start))

    def step(key, state, action):
        after, chance = _following(mdp)
        place = draw(key, jnp.asarray(chance)[state, action])
        after = jnp.asarray(after)[state, action, place] if isinstance(mdp.transition, Successors) else place
        return after, jnp.asarray(mdp.reward, float)[state, action], jnp.asarray(mdp.terminal)[after]

    return Environment(reset, step, lambda state: state, Discrete(actions), horizon)


def look_ahead(mdp: MDP, value: Float[Array, "s"]) -> Float[Array, "s a"]:
    """The value of every action, if the states that follow are worth `value`."""
    return action_values(mdp.transition, mdp.reward, mdp.discount, value)


def greedy_value(mdp: MDP, q: Float[Array, "s a"]) -> Float[Array, "s"]:
    """What playing the best actions of q for ever is really worth, whatever q says; ties are broken at random."""
    return policy_value(mdp.transition, mdp.reward, mdp.discount, jax.vmap(greedy)(q))


def with_death(mdp: MDP) -> MDP:
    """The undiscounted MDP with one more state, last and terminal, that any move ends in with probability 1 - discount.

    Policies are worth as much in it as they are in `mdp`: to survive k steps has the probability discount^k.
    """
    states, actions = check(mdp).reward.shape
    survival = np.where(mdp.terminal, 1.0, mdp.discount)[:, None, None]

    def grown(chance):
        """[s, a, n] -> [s + 1, a, n + 1]"""
        dying = np.broadcast_to(1 - survival, (states, actions, 1))
        alive = np.concatenate([survival * chance, dying], -1)
        return np.concatenate([alive, np.broadcast_to(np.eye(alive.shape[-1])[-1], (1, *alive.shape[1:]))])

    after, chance = _following(mdp)
    transition = grown(chance)
    if isinstance(mdp.transition, Successors):
        transition = Successors(np.pad(after, ((0, 1), (0, 0), (0, 1)), constant_values=states), transition)
    reward, start = np.pad(mdp.reward, ((0, 1), (0, 0))), np.append(mdp.start, 0.0)
    return MDP(transition, reward, 1.0, np.append(mdp.terminal, True), start)


def random_mdp(seed: int, states: int, actions: int, successors: int, discount: float = 0.95) -> MDP:
    """A large model without structure: of every state and action as many random successors, with random probabilities.

    Rewards are standard normal, nothing is terminal, one starts anywhere.
    """
    rng = np.random.default_rng(seed)
    after = rng.integers(states, size=(states, actions, successors), dtype=np.int32)
    chance = rng.dirichlet(np.ones(successors), (states, actions))
    reward = rng.normal(size=(states, actions))
    return MDP(Successors(after, chance), reward, discount, np.zeros(states, bool), np.full(states, 1 / states))
