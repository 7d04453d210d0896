"""The environments of gymnax: classic control, MinAtar, bsuite and more.

Its Reacher is an arm that learns to move by torques on its joints, seen as their angles and speeds. Its Swimmer is a
point that is pushed about, without joints.

Notes    DL4CV lecture 21, robot locomotion; MIT 6.S191 Lab 3, Pong
Systems  rl.locomotion rl.lab3_rl
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.core.errors import ConfigError, nearest
from jaxicon.envs.environment import Box, Discrete, Environment


def names() -> list[str]:
    """All environments but the one that would download its data."""
    from gymnax.registration import registered_envs

    return sorted(set(registered_envs) - {"MNISTBandit-bsuite"})


def from_gymnax(name: str) -> Environment:
    """A gymnax environment with its default parameters and time limit; raises ConfigError for an unknown name.

    The state is the pair (gymnax's state, observation), because some observations are drawn at random. Every leaf
    keeps the dtype that it has after a reset, and continuous actions are cast to the state's. Under jax_enable_x64 the
    GaussianBandit and the MetaMaze of gymnax 1.0.1 raise; Swimmer broadcasts between ranks, so that is allowed here.
    """
    if name not in names():
        raise ConfigError(f"from_gymnax: no environment {name!r}{nearest(name, names())}")
    import gymnax

    game, params = gymnax.make(name)
    space = game.action_space(params)
    bounds = lambda x: np.broadcast_to(np.asarray(x), space.shape)
    actions = Discrete(int(space.n)) if hasattr(space, "n") else Box(bounds(space.low), bounds(space.high))

    def reset(key):
        with jax.numpy_rank_promotion("allow"):
            obs, state = game.reset_env(key, params)
        return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), (state, obs))

    def step(key, state, action):
        floats = [x.dtype for x in jax.tree.leaves(state) if x.dtype.kind == "f"]
        action = jnp.asarray(action, jnp.int32 if isinstance(actions, Discrete) else jnp.result_type(*floats))
        with jax.numpy_rank_promotion("allow"):
            obs, after, reward, terminal, _ = game.step_env(key, state[0], action, params)
        after = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), (after, obs), state)
        return after, jnp.asarray(reward, float), jnp.asarray(terminal, bool)

    return Environment(reset, step, lambda state: state[1], actions, int(params.max_steps_in_episode))
