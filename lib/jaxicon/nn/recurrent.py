"""Networks with a memory, which goes in and comes out: the state of a GRU.

Paper    Hausknecht & Stone 2015, arXiv:1507.06527, for agents that see only a part of the state
"""

import jax
import jax.numpy as jnp

from jaxicon.nn.actor_critic import two_networks
from jaxicon.nn.network import Network
from jaxicon.ops.recurrence import gru, gru_init, gru_inputs


def recurrent_actor_critic(units: int, hidden: tuple[int, ...], outputs: int) -> Network:
    """apply(params, obs [..., d], memory [..., units]) -> output [..., outputs], value [...], memory afterwards.

    Actor and critic are perceptrons over the same memory, with these hidden layers.
    """
    heads = two_networks(hidden, outputs)

    def init(key, obs, memory):
        cell_key, heads_key = jax.random.split(key)
        return {"cell": gru_init(cell_key, obs.shape[-1], units)} | heads.init(heads_key, memory)

    def apply(params, obs, memory):
        step = lambda memory, obs: gru(params["cell"], memory, gru_inputs(params["cell"], obs))
        memory = jnp.vectorize(step, signature="(h),(d)->(h)")(memory, obs)
        return *heads.apply(params, memory), memory

    return Network(init, apply)
