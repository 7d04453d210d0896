"""A network as a list of named layers, for those who need to look inside: relevance, Grad-CAM, feature visualisation.

Notes    RL & DL notebook U3, Keras components and Flattening
Systems  found.keras_sequential found.flatten

A layer is a pair of functions, its parameters a dict (empty where it has none); a network of layers is a Network too.
What is no stack is a function of several such networks; one that is applied twice has its parameters once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal
from jaxtyping import Array

from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Key
from jaxicon.nn.network import default_float
from jaxicon.ops import convolution as ops

Params = dict[str, Array]


class Layer(NamedTuple):
    """init: (key, x) -> params; apply: (params, x) -> y, where x [b, ...]."""

    init: Callable[[Key, Array], Params]
    apply: Callable[[Params, Array], Array]


@dataclass(frozen=True, eq=False)
class Layered:
    """Layers by name, one after the other."""

    layers: dict[str, Layer]

    def init(self, key: Key, x: Array) -> dict[str, Params]:
        params = {}
        for i, (name, layer) in enumerate(self.layers.items()):
            params[name] = layer.init(jax.random.fold_in(key, i), x)
            x = layer.apply(params[name], x)
        return params

    def activations(self, params: dict[str, Params], x: Array, after: str | None = None) -> dict[str, Array]:
        """The output of every layer; with `after`, x is the output of that layer and the later ones are computed.

        In the order of the layers, but jit returns dicts in alphabetical order.
        """
        names = list(self.layers)
        if after is not None and after not in names:
            raise ConfigError(f"layered: no layer {after!r}{nearest(after, names)}")
        outputs = {}
        for name in names[0 if after is None else names.index(after) + 1 :]:
            outputs[name] = x = self.layers[name].apply(params[name], x)
        return outputs

    def apply(self, params: dict[str, Params], x: Array, after: str | None = None) -> Array:
        """The output of the last layer."""
        return [x, *self.activations(params, x, after).values()][-1]


def without_params(function: Callable[[Array], Array]) -> Layer:
    """A layer that has nothing to learn."""
    return Layer(lambda key, x: {}, lambda params, x: function(x))


def affine(shape: Callable[[Array], tuple[int, ...]], product: Callable[[Array, Array], Array]) -> Layer:
    """product(x, kernel) + bias, with kernel [..., inputs, features] of shape(x), LeCun normal; the bias is zero."""

    def init(key: Key, x: Array) -> Params:
        kernel = lecun_normal()(key, shape(x), default_float())
        return {"kernel": kernel, "bias": jnp.zeros(kernel.shape[-1], default_float())}

    def apply(params: Params, x: Array) -> Array:
        y = product(x, params["kernel"])
        return y + params["bias"].reshape((1,) * (y.ndim - 1) + (-1,))

    return Layer(init, apply)


def dense(features: int) -> Layer:
    """x [b, d] -> [b, features]."""
    return affine(lambda x: (x.shape[-1], features), jnp.matmul)


def conv(features: int, window: int = 3, strides: int = 1, padding: ops.Padding = "SAME") -> Layer:
    """x [b, h, w, c] -> [b, h', w', features]."""
    return affine(
        lambda x: (window, window, x.shape[-1], features),
        lambda x, kernel: ops.convolution(x, kernel, strides, padding),
    )


def max_pool(window: int, strides: int | None = None, padding: ops.Padding = "VALID") -> Layer:
    """x [b, h, w, c] -> [b, h', w', c]."""
    return without_params(lambda x: ops.max_pool(x, window, strides, padding))


def avg_pool(window: int, strides: int | None = None, padding: ops.Padding = "VALID") -> Layer:
    """x [b, h, w, c] -> [b, h', w', c]."""
    return without_params(lambda x: ops.avg_pool(x, window, strides, padding))


relu = without_params(jax.nn.relu)
flatten = without_params(lambda x: x.reshape(x.shape[0], -1))
