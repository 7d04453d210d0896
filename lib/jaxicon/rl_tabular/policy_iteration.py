"""Policy iteration: evaluate a policy, act greedily on what it is worth, over and over.

Notes    CS182 §7.5.1, §7.5.2, Algorithms 13 and 14; RL & DL notebook U1
Book     Sutton & Barto 2018, §4.3; Puterman 1994, §6.5, for `backups`
Systems  rl.policy_iteration
Idea     V <- V_pi                                                 (1)
         pi(s) <- argmax_a r(s, a) + discount * sum_s' p(s' | s, a) V(s')                            (2)
Erratum  The loop of CS182 makes one backup of V for each new policy and so evaluates none: it is value iteration, and
         the case backups = 1 of the modified policy iteration here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.method import Agent, Key
from jaxicon.envs.tabular import MDP, check, look_ahead
from jaxicon.ops.returns import policy_value


@dataclass(frozen=True)
class Config:
    backups: int | None = None  # sweeps of the evaluation of a policy; None solves for its value


class State(NamedTuple):
    policy: Int[Array, "s"]  # the action to take in every state
    value: Float[Array, "s"]  # of the policy before it, exactly or by `backups` sweeps from the value before


def policy_iteration(config: Config, mdp: MDP) -> Agent:
    """The first policy is random, the first V zero. A state keeps its action unless another is better by more than
    rounding; when none `changed`, the policy is optimal.

    evaluate: `value` is what the policy is really worth at the start, `residual` how much a backup would change V. An
    observation is the index of a state. Raises ConfigError for an ill-formed MDP and for backups below 1.
    """
    states, actions = check(mdp).reward.shape
    if config.backups is not None:
        positive("policy_iteration", backups=config.backups)

    def exactly(policy):
        return policy_value(mdp.transition, mdp.reward, mdp.discount, jax.nn.one_hot(policy, actions))

    def swept(policy, value):
        sweep = lambda _, value: chosen(look_ahead(mdp, value), policy)
        return jax.lax.fori_loop(0, config.backups, sweep, value)

    def init(key: Key, batch: None) -> State:
        return State(jax.random.randint(key, (states,), 0, actions), jnp.zeros(states))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        policy = state.policy
        value = exactly(policy) if config.backups is None else swept(policy, state.value)  # (1)
        policy = improved(look_ahead(mdp, value), policy)  # (2)
        metrics = {"changed": (policy != state.policy).sum(), "value": mdp.start @ value}
        return State(policy, value), metrics

    def evaluate(key: Key, state: State, batch: None) -> dict:
        change = look_ahead(mdp, state.value).max(-1) - state.value
        return {"value": mdp.start @ exactly(state.policy), "residual": jnp.abs(change).max()}

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return state.policy[obs]

    return Agent(init, step, evaluate, act)


def chosen(q: Float[Array, "s a"], policy: Int[Array, "s"]) -> Float[Array, "s"]:
    """The values of the actions that the policy takes."""
    return jnp.take_along_axis(q, policy[:, None], 1)[:, 0]


def improved(q: Float[Array, "s a"], policy: Int[Array, "s"]) -> Int[Array, "s"]:
    """The greedy policy; the old action is kept where the best one is better only by what rounding can make of it."""
    rounding = 100 * jnp.finfo(q.dtype).eps * jnp.abs(q).max()
    return jnp.where(q.max(-1) > chosen(q, policy) + rounding, q.argmax(-1), policy)
