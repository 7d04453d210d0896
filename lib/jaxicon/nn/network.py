"""A network is a pair of pure functions; where its parameters come from is nobody's business."""

from collections.abc import Callable
from typing import NamedTuple

import jax
from flax import linen


class Network(NamedTuple):
    """init: (key, *inputs) -> params; apply: (params, *inputs) -> outputs."""

    init: Callable
    apply: Callable


def default_float() -> jax.typing.DTypeLike:
    """The dtype of parameters: float32, or float64 under jax_enable_x64."""
    return jax.dtypes.canonicalize_dtype(float)


def from_linen(module: linen.Module) -> Network:
    """Its init and apply; a module's parameters are below "params"."""
    return Network(module.init, module.apply)


def from_nnx(build: Callable) -> Network:
    """build(rngs) -> nnx.Module; only for stateless modules: no BatchNorm, no dropout key of its own."""
    from flax import nnx  # a fifth of a second that few need

    def init(key, *inputs):
        return nnx.to_pure_dict(nnx.state(build(nnx.Rngs(key))))

    def apply(params, *inputs):
        graph, state = nnx.split(nnx.eval_shape(lambda: build(nnx.Rngs(0))))
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(graph, state)(*inputs)

    return Network(init, apply)
