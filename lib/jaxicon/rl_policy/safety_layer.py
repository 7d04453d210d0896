"""Safety layer: before an action is carried out, the nearest one that is safe takes its place.

Notes    RL & DL notebook U2, safe exploration; U1, best practices
Paper    Dalal et al. 2018, arXiv:1801.08757, equations 5 to 8; Ames et al. 2017, IEEE Transactions on Automatic
         Control 62, and Agrawal & Sreenath 2017 (RSS), for barriers, the second in discrete time
Systems  rl.real_safety_layer
Idea     minimise |a - wish|^2 / 2 subject to g_i . a <= c_i.  Where no more than one of them is active, the answer is
         wish - lambda g_i,  lambda = max(0, (g_i . wish - c_i) / g_i . g_i),  i the one with the largest lambda     (1)
         A barrier h is >= 0 in the safe states alone; h(s') >= (1 - kappa) h(s) keeps it so, and is in first order
         in a a half-space:  -dh(s')/da . a <= h(s'(0)) - (1 - kappa) h(s)                                           (2)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import within
from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import Box, Environment

Halfspaces = tuple[Float[Array, "m d"], Float[Array, "m"]]  # g and c


def nearest_safe(wish: Float[Array, "d"], halfspaces: Halfspaces) -> Float[Array, "d"]:
    """(1). Of several active half-spaces it obeys the one that asks for most; two that are opposite are exact too,
    as long as there is an action between them."""
    normals, limits = halfspaces
    excess = jnp.maximum(normals @ wish - limits, 0)
    length = (normals**2).sum(-1)
    multipliers = jnp.where(excess > 0, excess / jnp.where(length > 0, length, 1), 0)
    worst = multipliers.argmax()
    return wish - multipliers[worst] * normals[worst]


def barrier(h: Callable, following: Callable, kappa: float, dims: int) -> Callable:
    """(2) as state -> half-spaces, one for each of the values h(state) -> [m], with following(state, action) -> state.

    Exact where h of the next state is affine in the action, on the safe side where it is convex. Raises ConfigError
    unless 0 <= kappa <= 1: at 0 the state may come no nearer to the edge, at 1 it may reach it in one step.
    """
    within("barrier", 0, 1, kappa=kappa)

    def halfspaces(state) -> Halfspaces:
        after = lambda action: h(following(state, action))
        still = jnp.zeros(dims)
        return -jax.jacobian(after)(still), after(still) - (1 - kappa) * h(state)

    return halfspaces


def safety_layer(env: Environment, halfspaces: Callable) -> Environment:
    """The environment with halfspaces(state) between the agent and itself: the layer belongs to the world, so that
    any agent can learn behind it, and what it learns from is what it wished for.

    A wish is cut to the box first. The answer may leave the box again where a half-space is oblique: then it is safe
    only if the environment takes it as it is. Raises ConfigError for discrete actions.
    """
    if not isinstance(env.actions, Box):
        raise ConfigError(f"safety_layer: needs actions in a box, got {env.actions}")
    low, high = (jnp.asarray(bound, float) for bound in env.actions)

    def step(key, state, action):
        wish = jnp.clip(action, low, high)
        return env.step(key, state, nearest_safe(wish, halfspaces(state)))

    return env._replace(step=step)
