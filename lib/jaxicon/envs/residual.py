"""Residual control: a classical controller does the work, and what is learned is added to what it does.

Notes    RL & DL notebook U2, real-world strategies: hybrid of RL and classical control
Paper    Johannink et al. 2019, arXiv:1812.03201; Silver, Allen, Tenenbaum & Kaelbling 2018, arXiv:1812.06298
Systems  rl.real_hybrid_control
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Environment


def residual(
    env: Environment, controller: Callable[[Float[Array, "d"]], Float[Array, "a"]], share: float = 1.0
) -> Environment:
    """controller(obs) + action, cut to the bounds; an agent that says 0 plays as the controller does.

    The actions to be learned are a box around 0 as wide as `share` of the whole range. Raises ConfigError for discrete
    or unbounded actions and a share that is not positive.
    """
    positive("residual", share=share)
    if not isinstance(env.actions, Box) or not all(map(jnp.isfinite, [env.actions.low.sum(), env.actions.high.sum()])):
        raise ConfigError(f"residual: needs actions in a bounded box, got {env.actions}")
    low, high = env.actions
    reach = share * (high - low) / 2

    def step(key: Key, state, action: Float[Array, "a"]) -> tuple:
        wish = controller(env.observe(state)) + jnp.clip(action, -reach, reach)
        return env.step(key, state, jnp.clip(wish, low, high))

    return env._replace(step=step, actions=Box(-reach, reach))
