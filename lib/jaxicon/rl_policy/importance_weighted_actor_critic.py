"""Importance-weighted actor-critic: another policy plays, and each of its steps counts as often as one would do it.

Notes    deep-learning cookbook, Actor-Critic
Paper    Degris, White & Sutton 2012, arXiv:1205.4839
Systems  rl.is_actor_critic
Idea     grad J = E_beta w A grad log pi(a | s),  w = pi(a | s) / beta(a | s)                                       (1)
         phi descends  E_beta w (r + discount V(s') - V(s))^2,  r + discount V(s') held fixed                       (2)
         The states are those that beta meets, so that it is the gradient of J only to first order in pi - beta, or
         where, as in a bandit, they do not depend on the policy; for tables it still improves pi in every state.
Erratum  The cookbook does not say that the ratio must be known when A is estimated too: without w in (2), V is that
         of beta.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array

from jaxicon.core.checks import within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, vectorised
from jaxicon.envs.policy import policy, rollout
from jaxicon.nn.actor_critic import two_networks
from jaxicon.ops.policy_gradient import importance_weights
from jaxicon.rl_policy.a2c import Config as OnPolicy
from jaxicon.rl_policy.a2c import State, a2c, parts


@dataclass(frozen=True)
class Config(OnPolicy):
    trace: float = 0.0  # one ratio corrects one step


def uniform(output: Array) -> Array:
    """beta plays every discrete action equally often, whatever the actor's output."""
    return jnp.zeros_like(output)


def importance_weighted_actor_critic(
    config: Config, env: Environment, behaviour: Callable[[Array], Array] = uniform
) -> Agent:
    """A2C on what another policy plays: behaviour(the actor's output) are the parameters of beta.

    The `return` of training is that of beta. Raises ConfigError as A2C does, and for a trace that is not 0.
    """
    within("importance_weighted_actor_critic", 0, 0, trace=config.trace)
    family, envs = policy(env.actions), vectorised(env, config.envs)
    network, part = two_networks(config.hidden, family.size), parts(config, env, two_networks)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        output = lambda obs: network.apply(state.params, obs)[0]
        world, seen = rollout(key, envs, state.world, family, lambda obs: behaviour(output(obs)), config.steps)
        pi = output(seen.obs)
        weight = importance_weights(family.log_prob(pi, seen.action), family.log_prob(behaviour(pi), seen.action))
        grads, metrics = part.gradient(state.params, part.lesson(state.params, seen), weight)  # (1), (2)
        params, opt_state = part.descend(state.params, state.opt_state, grads)
        return State(params, opt_state, world), metrics | {"return": world.last_score.mean()}

    return a2c(config, env)._replace(step=step)
