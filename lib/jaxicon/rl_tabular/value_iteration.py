"""Value iteration: Bellman's optimality backup on a known model, over and over.

Notes    CS182 §7.5.3, Algorithm 15; RL & DL notebook U1
Book     Sutton & Barto 2018, §4.4
Systems  rl.value_iteration rl.optimal_policy
Idea     V <- max_a r(s, a) + discount * sum_s' p(s' | s, a) V(s')                               (1)
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.tabular import MDP, check, greedy_value, look_ahead
from jaxicon.ops.exploration import draw, greedy


def value_iteration(mdp: MDP) -> Agent:
    """The state is V, zero at first; after k steps it is within discount^k max |V*| of V*.

    evaluate: `value` is V at the start, `greedy_value` what the greedy policy is really worth there, `residual` how
    much one more step would change V. An observation is the index of a state. Raises ConfigError for an ill-formed MDP.
    """
    check(mdp)

    def init(key: Key, batch: None) -> Float[Array, "s"]:
        return jnp.zeros(len(mdp.reward))

    def step(key: Key, value: Float[Array, "s"], batch: None) -> tuple[Float[Array, "s"], dict]:
        update = look_ahead(mdp, value).max(-1)  # (1)
        return update, {"residual": jnp.abs(update - value).max()}

    def evaluate(key: Key, value: Float[Array, "s"], batch: None) -> dict:
        q = look_ahead(mdp, value)
        return {
            "value": mdp.start @ value,
            "greedy_value": mdp.start @ greedy_value(mdp, q),
            "residual": jnp.abs(q.max(-1) - value).max(),
        }

    def act(key: Key, value: Float[Array, "s"], obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, greedy(look_ahead(mdp, value)[obs]))

    return Agent(init, step, evaluate, act)
