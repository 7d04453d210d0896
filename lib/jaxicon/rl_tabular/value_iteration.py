"""Value iteration: Bellman's optimality backup on a known model, over and over.

Notes    CS182 §7.5.3, Algorithm 15; RL & DL notebook U1
Book     Sutton & Barto 2018, §4.4
Systems  rl.value_iteration rl.optimal_policy
Idea     V <- max_a r(s, a) + discount * sum_s' p(s' | s, a) V(s')                               (1)
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.tabular import MDP, check
from jaxicon.ops.exploration import draw, greedy
from jaxicon.ops.returns import action_values, policy_value


def value_iteration(mdp: MDP) -> Agent:
    """The state is V, zero at first; after k steps it is within discount^k max |V*| of V*.

    evaluate: `value` is V at the start, `greedy_value` what the greedy policy is really worth there, `residual` how
    much one more step would change V. An observation is the index of a state. Raises ConfigError for an ill-formed MDP.
    """
    check(mdp)
    backup = lambda value: action_values(mdp.transition, mdp.reward, mdp.discount, value)

    def init(key: Key, batch: None) -> Float[Array, "s"]:
        return jnp.zeros(len(mdp.reward))

    def step(key: Key, value: Float[Array, "s"], batch: None) -> tuple[Float[Array, "s"], dict]:
        update = backup(value).max(-1)  # (1)
        return update, {"residual": jnp.abs(update - value).max()}

    def evaluate(key: Key, value: Float[Array, "s"], batch: None) -> dict:
        q = backup(value)
        worth = policy_value(mdp.transition, mdp.reward, mdp.discount, jax.vmap(greedy)(q))
        return {
            "value": mdp.start @ value,
            "greedy_value": mdp.start @ worth,
            "residual": jnp.abs(q.max(-1) - value).max(),
        }

    def act(key: Key, value: Float[Array, "s"], obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, greedy(backup(value)[obs]))

    return Agent(init, step, evaluate, act)
