"""An actor and a critic as one network, apply(params, obs) -> output of the actor [..., k], value [...].

Notes    CS182 §7.4.4.4
"""

import jax
import jax.numpy as jnp

from jaxicon.nn.mlp import tanh_mlp
from jaxicon.nn.network import Network


def side_by_side(actor: Network, critic: Network) -> Network:
    """Two networks that share nothing, params["actor"] and params["critic"]; the critic has one output."""

    def init(key, obs):
        actor_key, critic_key = jax.random.split(key)
        return {"actor": actor.init(actor_key, obs), "critic": critic.init(critic_key, obs)}

    def apply(params, obs):
        return actor.apply(params["actor"], obs), critic.apply(params["critic"], obs)[..., 0]

    return Network(init, apply)


def two_networks(hidden: tuple[int, ...], outputs: int) -> Network:
    """Perceptrons with the same hidden layers; the actor is almost indifferent at first."""
    return side_by_side(tanh_mlp(*hidden, outputs, scale=0.01), tanh_mlp(*hidden, 1))


def shared_trunk(hidden: tuple[int, ...], outputs: int) -> Network:
    """One perceptron, params["trunk"], with the actor and the critic as affine maps of its last hidden layer."""
    trunk, heads = tanh_mlp(*hidden, scale=2**0.5), side_by_side(tanh_mlp(outputs, scale=0.01), tanh_mlp(1))
    features = lambda params, obs: jnp.tanh(trunk.apply(params["trunk"], obs))

    def init(key, obs):
        trunk_key, heads_key = jax.random.split(key)
        params = {"trunk": trunk.init(trunk_key, obs)}
        return params | heads.init(heads_key, features(params, obs))

    return Network(init, lambda params, obs: heads.apply(params, features(params, obs)))
