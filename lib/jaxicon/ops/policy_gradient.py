"""Policy gradients from samples: what each score is multiplied by, what may be subtracted, and play of another policy.

A credit is what multiplies grad log pi(a_t | s_t) at step t. Rewards [t] are those of one episode, which ends with the
first step that is over; what comes after it counts nothing.

Notes    CS182 §7.3.3 to §7.3.5; RL & DL notebook U2
Paper    Williams 1992, Machine Learning 8; Greensmith, Bartlett & Baxter 2004, JMLR 5, for `optimal_baseline`;
         Precup, Sutton & Singh 2000, ICML, for `causal_credit`
Systems  rl.causality rl.baseline rl.importance_sampling rl.offpolicy_pg rl.offpolicy_pg_first_order
Idea     grad J = E sum_t grad log pi(a_t | s_t) (credit_t - b_t),  b_t without knowledge of a_t             (1)
         credit_t = sum of all rewards, or of those from t on: the earlier ones do not depend on a_t           (2)
         E_p f(x) = E_q w(x) f(x),  w = p / q; the estimate is worth (sum w)^2 / sum w^2 samples of p          (3)
         played by q:  grad J = E_q sum_t grad log p(a_t | s_t) w_1..t sum_{t' >= t} w_{t+1}..t' r_t'          (4)
Erratum  CS182 §7.3.4.1 says that (2) always lowers the variance: it does so usually. §7.4.1 and §7.4.2 print its sum
         from the first step on. §7.3.5.2 prints the second product in (4) from t on, which counts w_t twice, the index
         a_t for a_t' in it, and no gradient in its last line.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxicon.ops.returns import discounted_returns


def surrogate(log_prob: Float[Array, "*t"], credit: Float[Array, "*t"]) -> Float[Array, ""]:
    """sum_t credit_t log pi(a_t | s_t), the credit held fixed: its gradient is (1), its value means nothing."""
    return (jax.lax.stop_gradient(credit) * log_prob).sum()


def alive(over: Bool[Array, "t"]) -> Bool[Array, "t"]:
    """The steps of the first episode: up to the first that is over, and with it."""
    return jnp.cumsum(over) == over


def full_return(reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float) -> Float[Array, "t"]:
    """The credit sum_t' discount^t' r_t', the same at every step. The credit `discounted_returns`, the rewards from
    t on as seen from t, leaves out the earlier ones: without discount both have the mean (1)."""
    total = discounted_returns(jnp.where(alive(over), reward, 0), jnp.zeros_like(over), discount)[:1]
    return jnp.broadcast_to(total, reward.shape)


def discounted_to_go(reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float) -> Float[Array, "t"]:
    """The rewards from t on as seen from the start, discount^t times `discounted_returns`: with discount, this has the
    mean (1), while practice leaves out the factor, so that late steps count as much as early ones."""
    return discount ** jnp.arange(reward.size) * discounted_returns(reward, over, discount)


def batch_mean(credit: Float[Array, "n *b"], alive: Bool[Array, "n *b"]) -> Float[Array, "n *b"]:
    """A baseline: the mean over those of n episodes that are alive. It contains the episode's own credit: of n
    independent episodes the gradient has 1 - 1/n times the right mean."""
    mean = jnp.where(alive, credit, 0).sum(0, keepdims=True) / jnp.maximum(alive.sum(0, keepdims=True), 1)
    return jnp.broadcast_to(mean, credit.shape)


def mean_of_others(credit: Float[Array, "n *b"], alive: Bool[Array, "n *b"]) -> Float[Array, "n *b"]:
    """A baseline: the mean over the other episodes that are alive, 0 where there is none; the mean (1) stays."""
    counted, count = jnp.where(alive, credit, 0), alive.astype(int)
    return (counted.sum(0, keepdims=True) - counted) / jnp.maximum(count.sum(0, keepdims=True) - count, 1)


def optimal_baseline(score: Float[Array, "n *d"], credit: Float[Array, "n"]) -> Float[Array, "*d"]:
    """The constant with the least variance of score * (credit - b), for each parameter: E score^2 credit / E score^2.

    score: sum_t grad log pi of n episodes; credit: their returns. Their mean would be best if it were independent of
    the square of the score.
    """
    square = score**2
    return jnp.tensordot(credit, square, 1) / square.sum(0)


def standardised(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Mean 0 and standard deviation 1; where all are equal, 0."""
    return (x - x.mean()) / (x.std() + 1e-8)


def importance_weights(log_p: Float[Array, "*n"], log_q: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """(3): w = p(x) / q(x) at samples x of q; their mean is 1. Of a trajectory, the product over its steps."""
    return jnp.exp(log_p - log_q)


def effective_sample_size(weight: Float[Array, "n"]) -> Float[Array, ""]:
    """(3): n for equal weights, 1 where one weight outweighs the others."""
    return weight.sum() ** 2 / (weight**2).sum()


def trajectory_credit(
    log_ratio: Float[Array, "t"], reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float
) -> Float[Array, "t"]:
    """`full_return` times w of the whole trajectory; log_ratio = log p(a_t | s_t) - log q(a_t | s_t)."""
    return jnp.exp(jnp.where(alive(over), log_ratio, 0).sum()) * full_return(reward, over, discount)


def causal_credit(
    log_ratio: Float[Array, "t"], reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float
) -> Float[Array, "t"]:
    """(4): a reward is weighted by the steps up to its own. Both products together are w_1..t', so that it is the
    rewards to come of w_1..t' r_t'; without discount it has the mean of `trajectory_credit`."""
    weight = jnp.exp(jnp.cumsum(log_ratio))
    return discounted_returns(weight * reward, over, discount)


def truncated_credit(
    log_ratio: Float[Array, "t"], reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float
) -> Float[Array, "t"]:
    """(4) without its second product: the step is that of p, what follows is worth what it was to q. Biased."""
    return jnp.exp(jnp.cumsum(log_ratio)) * discounted_returns(reward, over, discount)


def first_order_credit(
    log_ratio: Float[Array, "t"], reward: Float[Array, "t"], over: Bool[Array, "t"], discount: float
) -> Float[Array, "t"]:
    """w_t times the rewards to come: states are taken as q meets them. Biased, by as much as p differs from q: to first
    order in the difference; at p = q it is the gradient itself."""
    return jnp.exp(log_ratio) * discounted_returns(reward, over, discount)
