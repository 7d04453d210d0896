"""Multilayer perceptrons: affine maps with an activation between them, none after the last."""

from collections.abc import Callable

import jax
from flax import linen

from jaxicon.nn.network import Network, default_float, from_linen


class MLP(linen.Module):
    sizes: tuple[int, ...]
    activation: Callable

    @linen.compact
    def __call__(self, x):
        dense = lambda size: linen.Dense(size, param_dtype=default_float())
        for size in self.sizes[:-1]:
            x = self.activation(dense(size)(x))
        return dense(self.sizes[-1])(x)


def mlp(*sizes: int, activation: Callable = linen.relu) -> Network:
    """x [..., d] -> [..., sizes[-1]]; weights LeCun normal, biases zero."""
    return from_linen(MLP(sizes, activation))


def forward(params: dict, x: jax.Array, activation: Callable = linen.relu) -> jax.Array:
    """The perceptron with these parameters, for outputs as wide as the data, which only `init` sees."""
    layers = params["params"]
    sizes = [layers[f"Dense_{i}"]["bias"].shape[-1] for i in range(len(layers))]
    return mlp(*sizes, activation=activation).apply(params, x)
