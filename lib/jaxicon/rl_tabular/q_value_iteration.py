"""Q-value iteration: Bellman's optimality equation for action values as an update rule, from random values.

Notes    DL4CV lecture 21
Book     Sutton & Barto 2018, §3.6, §4.4
Systems  rl.q_value_iteration
Idea     Q(s, a) <- r(s, a) + discount * sum_s' p(s' | s, a) max_a' Q(s', a')                        (1)
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.tabular import MDP, check, greedy_value, look_ahead
from jaxicon.ops.exploration import draw, greedy


def q_value_iteration(mdp: MDP) -> Agent:
    """The state is Q, standard normal at first but for terminal states, which are worth 0. A step updates every entry,
    so that the largest error shrinks by the discount at least; where there are too many entries to visit, values have
    to be functions of fewer numbers.

    evaluate: `value` is max Q at the start, `greedy_value` what the greedy policy is really worth there, `residual` how
    much one more step would change Q. An observation is the index of a state. Raises ConfigError for an ill-formed MDP.
    """
    check(mdp)

    def backup(q):
        return look_ahead(mdp, q.max(-1))  # (1)

    def init(key: Key, batch: None) -> Float[Array, "s a"]:
        return jnp.where(mdp.terminal[:, None], 0, jax.random.normal(key, mdp.reward.shape))

    def step(key: Key, q: Float[Array, "s a"], batch: None) -> tuple[Float[Array, "s a"], dict]:
        update = backup(q)
        return update, {"residual": jnp.abs(update - q).max()}

    def evaluate(key: Key, q: Float[Array, "s a"], batch: None) -> dict:
        return {
            "value": mdp.start @ q.max(-1),
            "greedy_value": mdp.start @ greedy_value(mdp, q),
            "residual": jnp.abs(backup(q) - q).max(),
        }

    def act(key: Key, q: Float[Array, "s a"], obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, greedy(q[obs]))

    return Agent(init, step, evaluate, act)
