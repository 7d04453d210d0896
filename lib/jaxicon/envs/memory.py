"""An environment that keeps an agent's notes: what it writes down with an action, it reads with the next observation.

So a policy with a memory, which is a recurrent network, becomes one without: whatever plays, judges and evaluates
policies works for it too, the memory is there to learn from, and it is empty at the start of an episode.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.envs.environment import Environment
from jaxicon.envs.policy import Policy


class Noted(NamedTuple):
    """Something with a memory: an observation with that of before, or an action with that of after."""

    what: Any
    memory: Float[Array, "*n h"]


def remembering(env: Environment, units: int) -> Environment:
    """The environment with observations and actions that are `Noted`; a memory is `units` numbers, zeros at first."""

    def reset(key):
        return env.reset(key), jnp.zeros(units)

    def step(key, state, action: Noted):
        after, reward, terminal = env.step(key, state[0], action.what)
        return (after, action.memory), reward, terminal

    def observe(state):
        return Noted(env.observe(state[0]), state[1])

    starts = env.starts and (lambda key, n: (env.starts(key, n), jnp.zeros((n, units))))
    return env._replace(reset=reset, step=step, observe=observe, starts=starts)


def noting(family: Policy) -> Policy:
    """The family where outputs and actions are `Noted`: what is drawn, played or best has the output's memory."""
    return family._replace(
        sample=lambda noise, output: Noted(family.sample(noise, output.what), output.memory),
        log_prob=lambda output, action: family.log_prob(output.what, action.what),
        entropy=lambda output: family.entropy(output.what),
        mode=lambda output: Noted(family.mode(output.what), output.memory),
        bounded=lambda action: Noted(family.bounded(action.what), action.memory),
        divergence=lambda output, other: family.divergence(output.what, other.what),
    )
