"""Constrained policy gradient: the most reward that a limit on the cost allows, by a price on the cost.

Notes    RL & DL notebook U2, safe exploration: constrained RL (CMDP)
Paper    Altman 1999, Constrained Markov Decision Processes; Ding, Zhang, Basar & Jovanovic 2020 (NeurIPS), Natural
         policy gradient primal-dual method for constrained MDPs, equation 8
Systems  rl.real_constrained
Idea     max_pi V_r(pi)  subject to  V_c(pi) <= limit;   Lagrangian  V_r - price (V_c - limit)                   (1)
         log pi(a | s) <- log pi(a | s) + step_size A(s, a) + const,  A the advantage of the reward r - price c      (2)
         price <- max(0, price + price_step (V_c - limit))                                                  (3)
         Policies circle around the best one, which may have to be a mixture; their mean occupancy tends to it.   (4)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.tabular import MDP, check
from jaxicon.ops.returns import action_values, policy_value


@dataclass(frozen=True)
class Config:
    limit: float = 0.5  # of the discounted cost from the start
    step_size: float = 1.0
    price_step: float = 0.2


class State(NamedTuple):
    logits: Float[Array, "s a"]
    price: Float[Array, ""]  # Lagrange's multiplier: reward that a unit of cost is worth
    occupancy: Float[Array, "s a"]  # mean over the policies so far: discounted visits from the start
    steps: Int[Array, ""]


def occupancy(mdp: MDP, policy: Float[Array, "s a"]) -> Float[Array, "s a"]:
    """Expected discounted visits of every state and action from the start: the gradient of the value by the reward."""
    value = lambda reward: mdp.start @ policy_value(mdp.transition, reward, mdp.discount, policy)
    return jax.grad(value)(jnp.zeros(policy.shape))


def constrained_policy_gradient(config: Config, mdp: MDP, cost: Float[np.ndarray, "s a"]) -> Agent:
    """The natural gradient of a table of logits on a known model, and a price that rises while the limit is missed.

    cost [s, a] is paid beside the reward, 0 in terminal states. Metrics: `price`, and the `value` and `cost` of the
    policy; evaluate: those of the mean occupancy (4), and `excess`, how much its cost is above the limit. The agent
    acts by the policy that has this occupancy. Raises ConfigError for an ill-formed MDP, costs of another shape or not
    finite, and steps that are not positive.
    """
    positive("constrained_policy_gradient", step_size=config.step_size, price_step=config.price_step)
    if np.shape(cost) != np.shape(check(mdp).reward) or not np.isfinite(cost).all() or cost[mdp.terminal].any():
        raise ConfigError(
            f"constrained_policy_gradient: cost has shape {np.shape(cost)}; expected {mdp.reward.shape},"
            " finite numbers, 0 in terminal states"
        )

    def advantage(policy, reward):
        value = policy_value(mdp.transition, reward, mdp.discount, policy)
        return action_values(mdp.transition, reward, mdp.discount, value) - value[:, None]

    def init(key: Key, batch: None) -> State:
        zeros = jnp.zeros(mdp.reward.shape)
        return State(zeros, jnp.zeros(()), zeros, jnp.int32(0))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        policy = jax.nn.softmax(state.logits)
        visits = occupancy(mdp, policy)
        paid = (visits * cost).sum()
        logits = state.logits + config.step_size * advantage(policy, mdp.reward - state.price * cost)  # (2)
        price = jnp.maximum(0.0, state.price + config.price_step * (paid - config.limit))  # (3)
        mean = state.occupancy + (visits - state.occupancy) / (state.steps + 1)
        logits = logits - logits.max(-1, keepdims=True)
        metrics = {"price": price, "value": (visits * mdp.reward).sum(), "cost": paid}
        return State(logits, price, mean, state.steps + 1), metrics

    def evaluate(key: Key, state: State, batch: None) -> dict:
        value, paid = (state.occupancy * mdp.reward).sum(), (state.occupancy * cost).sum()
        return {"value": value, "cost": paid, "excess": paid - config.limit, "price": state.price}

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return jax.random.categorical(key, jnp.log(state.occupancy[obs]))

    return Agent(init, step, evaluate, act)
