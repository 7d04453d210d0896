"""Critics of actions that are vectors: Q(s, a) as perceptrons over both."""

import jax
import jax.numpy as jnp

from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network


def critics(*hidden: int, count: int = 1) -> Network:
    """(obs [..., d], action [..., a]) -> [count, ...]: independent perceptrons, computed as one of batched products."""
    net = mlp(*hidden, 1)

    def init(key, obs, action):
        each = lambda key: net.init(key, jnp.concatenate([obs, action], -1))
        return jax.lax.map(each, jax.random.split(key, count))

    def apply(params, obs, action):
        both = jnp.concatenate([obs, action], -1)
        return jax.vmap(lambda params: net.apply(params, both)[..., 0])(params)

    return Network(init, apply)
