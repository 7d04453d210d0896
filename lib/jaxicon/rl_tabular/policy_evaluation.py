"""Iterative policy evaluation: what a given policy is worth on a known model, by sweeps.

Notes    RL & DL notebook U1; CS182 §7.5.2
Book     Sutton & Barto 2018, §4.1
Systems  rl.policy_evaluation
Idea     V(s) <- sum_a pi(a | s) (r(s, a) + discount * sum_s' p(s' | s, a) V(s'))                     (1)
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.path import check_policy
from jaxicon.envs.tabular import MDP, look_ahead
from jaxicon.ops.exploration import draw


def policy_evaluation(mdp: MDP, policy: Float[Array | np.ndarray, "s a"]) -> Agent:
    """The state is V, zero at first; after k sweeps it is within discount^k max |V_pi| of the policy's value V_pi.

    A deterministic policy has one 1 a row, and (1) becomes r(s, pi(s)) + discount * E V(s'). evaluate: `value` is V at
    the start, `residual` how much one more sweep would change V. act plays the policy. Raises ConfigError for an
    ill-formed MDP and for rows of the policy that are no distributions.
    """
    check_policy(mdp, policy)

    def sweep(value):
        return (policy * look_ahead(mdp, value)).sum(-1)  # (1)

    def init(key: Key, batch: None) -> Float[Array, "s"]:
        return jnp.zeros(len(mdp.reward))

    def step(key: Key, value: Float[Array, "s"], batch: None) -> tuple[Float[Array, "s"], dict]:
        update = sweep(value)
        return update, {"residual": jnp.abs(update - value).max()}

    def evaluate(key: Key, value: Float[Array, "s"], batch: None) -> dict:
        return {"value": mdp.start @ value, "residual": jnp.abs(sweep(value) - value).max()}

    def act(key: Key, value: Float[Array, "s"], obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, jnp.asarray(policy)[obs])

    return Agent(init, step, evaluate, act)
