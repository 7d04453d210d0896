"""Fitted Q-iteration: Bellman's backup of action values at some transitions, and a function fitted to what comes out.

Notes    CS182 §7.5.5, Algorithm 17
Paper    Ernst, Geurts & Wehenkel 2005, JMLR 6; Riedmiller 2005, ECML, for networks
Systems  rl.fitted_q_iteration
Idea     y_i = r_i + discount max_a' Q(s'_i, a'),  without the max where s'_i is terminal                          (1)
         Q <- argmin_Q 1/2 sum_i (Q(s_i, a_i) - y_i)^2                                                       (2)
         No model is needed, and since Q depends on the action, it does not matter by which policy a_i was chosen.
Erratum  Algorithm 17 prints max_{a_i} around r + discount E V(s'): that is left over from Algorithm 16. The action a_i
         is the one that was taken; the only maximum is that over a' in V(s').
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Transition
from jaxicon.nn.regression import Regression
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    discount: float = 0.99


def fitted_q_iteration(config: Config, actions: Discrete, regression: Regression) -> Agent:
    """One step is one backup of a batch of transitions and one fit of a regression with one output per action to it.

    evaluate: `bellman_error`, the root mean square of y - Q(s, a) over the batch, and `q`, the mean of Q(s, a).
    Raises ConfigError for a discount outside [0, 1].
    """
    within("fitted_q_iteration", 0, 1, discount=config.discount)

    def init(key: Key, seen: Transition):
        return regression.init(key, seen.obs)

    def compared(fit, seen: Transition) -> tuple[Float[Array, "b a"], Float[Array, "b"], dict]:
        """(the action that was taken, one-hot; y; metrics)."""
        following = regression.values(fit, seen.next_obs).max(-1)
        target = one_step_target(seen.reward, seen.terminal, config.discount, following)  # (1)
        choice = jax.nn.one_hot(seen.action, actions.count)
        q = (regression.values(fit, seen.obs) * choice).sum(-1)
        return choice, target, {"bellman_error": jnp.sqrt(((target - q) ** 2).mean()), "q": q.mean()}

    def step(key: Key, fit, seen: Transition) -> tuple:
        choice, target, metrics = compared(fit, seen)
        return regression.refit(fit, seen.obs, choice, target), metrics  # (2)

    def act(key: Key, fit, obs: Array) -> Array:
        return regression.values(fit, obs).argmax(-1)

    def evaluate(key: Key, fit, seen: Transition) -> dict:
        return compared(fit, seen)[2]

    return Agent(init, step, evaluate, act)
