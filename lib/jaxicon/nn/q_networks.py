"""Action values as networks: Q(s) with one output per action, which `mlp` is, and what else maps obs to them.

Notes    CS182 §7.6.6; RL & DL notebook U1
Paper    Wang et al. 2016, arXiv:1511.06581, equation 9, for `dueling`
Systems  rl.q_repr_state_action rl.q_repr_heads rl.qnet_s4_listing
"""

import jax.numpy as jnp
from flax import linen
from jaxtyping import Array, Float

from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network, default_float, from_linen


def table(actions: int) -> Network:
    """One value for each pair: one-hot obs [..., s] -> [..., actions]; at first 0."""
    return Network(lambda key, obs: jnp.zeros((obs.shape[-1], actions)), lambda params, obs: obs @ params)


def state_action(*hidden: int) -> Network:
    """Q(s, a): obs [..., d] and action [..., k], a vector or one-hot -> [...]."""
    net = mlp(*hidden, 1)
    both = lambda obs, action: jnp.concatenate([obs, action], -1)
    init = lambda key, obs, action: net.init(key, both(obs, action))
    return Network(init, lambda params, obs, action: net.apply(params, both(obs, action))[..., 0])


def every_action(net: Network, actions: int) -> Network:
    """Q(s, a) as Q(s): obs [..., d] -> [..., actions], by as many passes through a network of (obs, one-hot action)."""

    def pairs(obs: Float[Array, "*b d"]) -> tuple[Array, Array]:
        *b, d = obs.shape
        each = jnp.broadcast_to(obs[..., None, :], (*b, actions, d))
        return each, jnp.broadcast_to(jnp.eye(actions, dtype=obs.dtype), (*b, actions, actions))

    return Network(lambda key, obs: net.init(key, *pairs(obs)), lambda params, obs: net.apply(params, *pairs(obs)))


def joined(value: Float[Array, "*b 1"], advantage: Float[Array, "*b a"]) -> Float[Array, "*b a"]:
    """Q = V + A - mean_a A: without the mean, a constant could wander between V and A."""
    return value + advantage - advantage.mean(-1, keepdims=True)


class Dueling(linen.Module):
    hidden: tuple[int, ...]
    actions: int

    @linen.compact
    def __call__(self, x):
        dense = lambda size: linen.Dense(size, param_dtype=default_float())
        for size in self.hidden[:-1]:
            x = linen.relu(dense(size)(x))
        stream = lambda size: dense(size)(linen.relu(dense(self.hidden[-1])(x)))
        return joined(stream(1), stream(self.actions))


def dueling(*sizes: int) -> Network:
    """obs [..., d] -> [..., sizes[-1]]: V and A, each with a last hidden layer of its own above those they share."""
    return from_linen(Dueling(sizes[:-1], sizes[-1]))
