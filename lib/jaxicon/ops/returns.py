"""Bellman's equations: exact backups on tables; returns, targets and advantages on samples.

Notes    RL & DL notebook U1; DL4CV lectures 21 and 24; deep-learning cookbook, Reinforcement learning; CS182 §7.4;
         6.S191 lecture 5
Book     Sutton & Barto 2018, §3.3, §3.5, §3.6; Schulman et al. 2016, arXiv:1506.02438, for `gae`
Systems  rl.bellman_optimality rl.bellman_expectation rl.advantage rl.return
Erratum  The notebook's sum for the return pairs step k with R_k, although its rewards are R_1 .. R_T: it is R_{k+1}.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxicon.ops.successors import Successors

Table = Array | np.ndarray  # a table may live on the host; it takes the dtype of what it meets


def action_values(
    transition: Float[Table, "s a s"] | Successors,
    reward: Float[Table, "s a"],
    discount: float,
    value: Float[Array, "s"],
) -> Float[Array, "s a"]:
    """q(s, a) = r(s, a) + discount * sum_s' p(s' | s, a) v(s'). Its maximum over a is Bellman's optimality backup."""
    if isinstance(transition, Successors):  # column by column, so that a maximum over them is taken in the same pass
        columns = enumerate(transition.columns(value))
        return jnp.stack([reward[:, a] + discount * column for a, column in columns]).T
    return reward + discount * (transition @ value)


def policy_value(
    transition: Float[Table, "s a s"] | Successors,
    reward: Float[Table, "s a"],
    discount: float,
    policy: Float[Array, "s a"],
) -> Float[Array, "s"]:
    """v = r_pi + discount * P_pi v, Bellman's expectation equation, solved without a factorisation.

    The series sum_k (discount * P_pi)^k r_pi is summed by doubling: after j rounds it has 2^j terms. Of a large model,
    given by successors, it is summed term by term, until a term is lost in rounding or there are 100,000.
    """
    if isinstance(transition, Successors):
        return _summed(transition, reward, discount, policy)
    one_step = discount * jnp.einsum("sa,sap->sp", policy, transition)
    double = lambda _, carry: (carry[0] + carry[1] @ carry[0], carry[1] @ carry[1])
    return jax.lax.fori_loop(0, 24, double, ((policy * reward).sum(-1), one_step))[0]


def _summed(transition, reward, discount, policy):
    first = (policy * reward).sum(-1)
    lost = jnp.finfo(first.dtype).eps / 4
    matters = lambda carry: (jnp.abs(carry[1]).max() > lost * jnp.abs(carry[0]).max()) & (carry[2] < 100_000)

    def add(carry):
        total, term, n = carry
        term = discount * (policy * (transition @ term)).sum(-1)
        return total + term, term, n + 1

    return jax.lax.while_loop(matters, add, (first, first, 1))[0]


def one_step_target(
    reward: Float[Array, "*b"], terminal: Bool[Array, "*b"], discount: float, next_value: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    """r + discount * v(s'), and r alone where s' is terminal. A truncated episode is not terminal: it bootstraps."""
    return reward + discount * jnp.where(terminal, 0.0, next_value)


def discounted_returns(
    reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float, last: float = 0.0
) -> Float[Array, "t"]:
    """The rewards to come from every step on, its own included: G_t = R_{t+1} + discount * G_{t+1}, where reward[t] is
    R_{t+1}, what step t earned. They start anew after a step that is over; `last` is worth what follows the last step.
    """

    def back(following, row):
        gain, over = row
        total = gain + discount * jnp.where(over, 0, following)
        return total, total

    return jax.lax.scan(back, jnp.asarray(last, reward.dtype), (reward, over), reverse=True)[1]


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
    return discounted_returns(delta, terminal | truncated, discount * trace)
