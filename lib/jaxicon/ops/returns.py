"""Bellman's equations: exact backups on tables, targets and advantages on samples.

Notes    RL & DL notebook U1; DL4CV lectures 21 and 24; deep-learning cookbook, Reinforcement learning; CS182 §7.4
Book     Sutton & Barto 2018, §3.5, §3.6; Schulman et al. 2016, arXiv:1506.02438, for `gae`
Systems  rl.bellman_optimality rl.bellman_expectation rl.advantage
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

Table = Array | np.ndarray  # a table may live on the host; it takes the dtype of what it meets


def action_values(
    transition: Float[Table, "s a s"], reward: Float[Table, "s a"], discount: float, value: Float[Array, "s"]
) -> Float[Array, "s a"]:
    """q(s, a) = r(s, a) + discount * sum_s' p(s' | s, a) v(s'). Its maximum over a is Bellman's optimality backup."""
    return reward + discount * (transition @ value)


def policy_value(
    transition: Float[Table, "s a s"], reward: Float[Table, "s a"], discount: float, policy: Float[Array, "s a"]
) -> Float[Array, "s"]:
    """v = r_pi + discount * P_pi v, Bellman's expectation equation, solved without a factorisation.

    The series sum_k (discount * P_pi)^k r_pi is summed by doubling: after j rounds it has 2^j terms.
    """
    one_step = discount * jnp.einsum("sa,sap->sp", policy, transition)
    double = lambda _, carry: (carry[0] + carry[1] @ carry[0], carry[1] @ carry[1])
    return jax.lax.fori_loop(0, 24, double, ((policy * reward).sum(-1), one_step))[0]


def one_step_target(
    reward: Float[Array, "*b"], terminal: Bool[Array, "*b"], discount: float, next_value: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    """r + discount * v(s'), and r alone where s' is terminal. A truncated episode is not terminal: it bootstraps."""
    return reward + discount * jnp.where(terminal, 0.0, next_value)


def gae(
    reward: Float[Array, "t"],
    terminal: Bool[Array, "t"],
    truncated: Bool[Array, "t"],
    value: Float[Array, "t"],
    next_value: Float[Array, "t"],
    discount: float,
    trace: float,
) -> Float[Array, "t"]:
    """Generalised advantages: sum_l (discount * trace)^l delta_{t+l} up to the end of the episode, equation 16, with
    delta = r + discount * v(s') - v(s), the one-step advantage, which is all that is left at trace = 0.

    next_value[i] is the value of what followed step i before any reset, so that it is not value[i + 1] where an episode
    was cut off. A terminal step cuts the bootstrap in delta; a truncated one only ends the sum.
    """
    delta = one_step_target(reward, terminal, discount, next_value) - value

    def back(following, row):
        delta, over = row
        advantage = delta + discount * trace * jnp.where(over, 0, following)
        return advantage, advantage

    return jax.lax.scan(back, jnp.zeros((), delta.dtype), (delta, terminal | truncated), reverse=True)[1]
