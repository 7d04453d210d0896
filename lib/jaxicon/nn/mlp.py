"""Multilayer perceptrons: affine maps with an activation between them, none after the last."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen

from jaxicon.nn.network import Network, default_float, from_linen
from jaxicon.ops.linalg import orthogonal


class MLP(linen.Module):
    sizes: tuple[int, ...]
    activation: Callable
    weights: Callable
    last_weights: Callable

    @linen.compact
    def __call__(self, x):
        dense = lambda size, weights: linen.Dense(size, param_dtype=default_float(), kernel_init=weights)
        for size in self.sizes[:-1]:
            x = self.activation(dense(size, self.weights)(x))
        return dense(self.sizes[-1], self.last_weights)(x)


def mlp(
    *sizes: int,
    activation: Callable = linen.relu,
    weights: Callable = linen.initializers.lecun_normal(),
    last_weights: Callable | None = None,
) -> Network:
    """x [..., d] -> [..., sizes[-1]]; initial weights LeCun normal, biases zero.

    Another initialiser, init(key, shape, dtype), may be given for the weights, and a different one for the last layer.
    """
    return from_linen(MLP(sizes, activation, weights, last_weights or weights))


def tanh_mlp(*sizes: int, scale: float = 1.0) -> Network:
    """As agents that act by a policy have it: tanh, and orthogonal weights times sqrt 2, in the last layer `scale`."""
    return mlp(*sizes, activation=jnp.tanh, weights=orthogonal(2**0.5), last_weights=orthogonal(scale))


def forward(params: dict, x: jax.Array, activation: Callable = linen.relu) -> jax.Array:
    """The perceptron with these parameters, for outputs as wide as the data, which only `init` sees."""
    layers = params["params"]
    sizes = [layers[f"Dense_{i}"]["bias"].shape[-1] for i in range(len(layers))]
    return mlp(*sizes, activation=activation).apply(params, x)
