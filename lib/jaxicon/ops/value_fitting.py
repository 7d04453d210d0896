"""State values by regression: on the rewards that came, or on one reward and the value of what followed.

Notes    CS182 §7.4.3
Book     Sutton & Barto 2018, §9.2 to §9.4
Systems  rl.mc_policy_evaluation rl.bootstrap_policy_evaluation
Idea     minimise  1/2 sum_i (V(s_i) - y_i)^2,  y_i held fixed                                               (1)
         y = sum_{t' >= t} discount^(t' - t) r_t', `discounted_returns`: unbiased, noisy                       (2)
         y = r + discount V_before(s'), `one_step_target`: less noise, biased by what V_before does not know   (3)
"""

from collections.abc import Callable
from typing import Any

import jax
import optax
from jaxtyping import Array, Float


def half_square(value: Float[Array, "*b"], target: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """(1) for each state; no gradient reaches the target, though it may be computed from the same parameters."""
    return (value - jax.lax.stop_gradient(target)) ** 2 / 2


def fitted(
    judge: Callable[[Any, Array], Float[Array, "*b"]],
    params: Any,
    obs: Array,
    target: Float[Array, "*b"],
    optimizer: optax.GradientTransformation,
    opt_state: Any,
    steps: int,
) -> tuple[Any, Any]:
    """(params, opt_state) after `steps` descents of the mean of (1) over all rows; judge(params, obs) -> values.

    The targets stay those of before: a fit to (3) is one application of Bellman's equation, and many of them in turn
    end at the value of the policy, if the values can be represented.
    """

    def descend(_, carry):
        params, opt_state = carry
        grads = jax.grad(lambda params: half_square(judge(params, obs), target).mean())(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    return jax.lax.fori_loop(0, steps, descend, (params, opt_state))
