"""Fitted value iteration: Bellman's backup at some states, and a function of the state fitted to what comes out.

Notes    CS182 §7.5.4, Algorithm 16
Paper    Gordon 1995, ICML; Tsitsiklis & Van Roy 1996, Machine Learning 22, for the divergence
Systems  rl.fitted_value_iteration
Idea     y_i = max_a sum_s' p(s' | s_i, a) (r + discount V(s')),  without V where s' is terminal                   (1)
         V <- argmin_V 1/2 sum_i (V(s_i) - y_i)^2                                                            (2)
         The maximum needs a model. With one feature per state (2) changes nothing and this is value iteration; in
         general (1) shrinks the largest error and (2) may stretch it: of two states with V = w and 2 w that both lead
         to the second for no reward, w grows 6/5 discount times a step, though both are worth 0            (3)
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, mean_return
from jaxicon.envs.outcomes import Model, Outcomes
from jaxicon.nn.regression import Regression
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    discount: float = 0.99
    episodes: int = 32  # in evaluate


def backup(after: Outcomes, discount: float, value: Callable[[Array], Float[Array, "*b"]]) -> Float[Array, "a"]:
    """What (1) maximises: for each action the expected reward and discounted value of what follows."""
    return (after.probability * one_step_target(after.reward, after.terminal, discount, value(after.obs))).sum(-1)


def fitted_value_iteration(config: Config, env: Environment, model: Model, regression: Regression) -> Agent:
    """One step is one backup at a batch of states of `env`, and one fit of a regression with one output to the result.

    The agent sees states of the environment as they are, since it has to look ahead from them with the model; the
    regression sees env.observe of them. evaluate: `return` of the greedy policy, `residual` the root mean square of
    y - V over the batch. Raises ConfigError for a discount outside [0, 1].
    """
    within("fitted_value_iteration", 0, 1, discount=config.discount)
    positive("fitted_value_iteration", episodes=config.episodes)

    def ahead(key: Key, fit, state) -> Float[Array, "a"]:
        return backup(model(key, state), config.discount, lambda obs: regression.values(fit, obs)[..., 0])

    def compared(key: Key, fit, states) -> tuple[Array, Float[Array, "b"], Float[Array, ""]]:
        """(obs, target, residual) of every state."""
        obs = jax.vmap(env.observe)(states)
        keys = jax.random.split(key, len(obs))
        target = jax.vmap(lambda key, state: ahead(key, fit, state).max())(keys, states)  # (1)
        error = target - regression.values(fit, obs)[:, 0]
        return obs, target, jnp.sqrt((error**2).mean())

    def init(key: Key, states):
        return regression.init(key, jax.vmap(env.observe)(states))

    def step(key: Key, fit, states) -> tuple:
        obs, target, residual = compared(key, fit, states)
        fit = regression.refit(fit, obs, jnp.ones((len(obs), 1)), target)  # (2)
        return fit, {"residual": residual, "value": target.mean()}

    def act(key: Key, fit, state) -> Array:
        return ahead(key, fit, state).argmax(-1)

    def evaluate(key: Key, fit, states) -> dict:
        play_key, key = jax.random.split(key)
        bare = env._replace(observe=lambda state: state)
        score = mean_return(play_key, bare, lambda key, state: act(key, fit, state), config.episodes)
        return {"return": score, "residual": compared(key, fit, states)[2]}

    return Agent(init, step, evaluate, act)
