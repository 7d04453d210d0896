"""Bellman's equations: exact backups on tables, one-step targets on samples.

Notes    RL & DL notebook U1; DL4CV lectures 21 and 24; deep-learning cookbook, Reinforcement learning
Book     Sutton & Barto 2018, §3.5, §3.6
Systems  rl.bellman_optimality rl.bellman_expectation
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
