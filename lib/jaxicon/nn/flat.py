"""A network whose parameters are one vector: a rule of an optimizer, or an average, is then one operation, not ten."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.nn.network import Network


def flat(net: Network) -> Network:
    """The same network; the vector has the leaves of its parameters in the order of jax.tree.leaves."""

    def init(key, *inputs):
        return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(net.init(key, *inputs))])

    def apply(vector, *inputs):
        leaves, tree = jax.tree.flatten(jax.eval_shape(net.init, jax.random.key(0), *inputs))
        ends = np.cumsum([leaf.size for leaf in leaves])[:-1].tolist()
        parts = [x.reshape(leaf.shape) for x, leaf in zip(jnp.split(vector, ends), leaves, strict=True)]
        return net.apply(jax.tree.unflatten(tree, parts), *inputs)

    return Network(init, apply)
