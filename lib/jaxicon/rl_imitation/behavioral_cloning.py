"""Behavioural cloning: imitation as supervised learning of what an expert did, given what it saw.

Notes    CS182 §7.1.3
Paper    Pomerleau 1991, Neural Computation 3; Ross & Bagnell 2010, AISTATS, theorem 2.1, for (2)
Systems  imit.behavioral_cloning imit.compounding_error
Idea     maximise  E log pi(a | s)  over the states and actions of an expert                            (1)
         A policy that errs on those states with probability e gets to others, of which it learned nothing: in T
         steps it may cost up to T^2 e more than the expert, not T e                                    (2)
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import optax
from jaxtyping import Array, Bool, Float

from jaxicon.core.method import Agent, Fit, Key, from_loss
from jaxicon.envs.environment import Box, Discrete, Environment, episode
from jaxicon.envs.policy import policy
from jaxicon.nn import mlp as nn


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 1e-3


def demonstrations(
    key: Key, env: Environment, expert: Callable[[Key, Array], Array], episodes: int
) -> tuple[Float[Array, "n t d"], Array, Bool[Array, "n t"]]:
    """(obs, action, alive) of episodes of expert(key, obs) -> action; what is not alive comes after the end."""
    played = jax.vmap(lambda key: episode(key, env, expert))(jax.random.split(key, episodes))
    return jax.vmap(jax.vmap(env.observe))(played.state), played.action, played.alive


def behavioral_cloning(config: Config, actions: Discrete | Box) -> Agent:
    """A policy from batches (obs [b, d], action [b, ...]) of an expert; the agent acts by its likeliest action.

    Metrics: `loss` is -log pi(a | s) in nats, `accuracy` the share of the likeliest actions that are the expert's, of
    use where actions are discrete.
    """
    family = policy(actions)
    net = nn.mlp(*config.hidden, family.size)

    def init(key: Key, batch: tuple[Array, Array]):
        return net.init(key, batch[0])

    def loss(key: Key, params, batch: tuple[Array, Array]):
        obs, action = batch
        output = net.apply(params, obs)
        value = -family.log_prob(output, action).mean()  # (1)
        return value, {"loss": value, "accuracy": (family.mode(output) == action).mean(dtype=output.dtype)}

    def act(key: Key, state: Fit, obs: Float[Array, "*b d"]) -> Array:
        return family.mode(net.apply(state.params, obs))

    return Agent(*from_loss(init, loss, optax.adam(config.learning_rate)), act)
