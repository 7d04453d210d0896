"""Layer-wise relevance propagation: a score is handed back from layer to layer until every pixel has its share.

Notes    Deep-learning cookbook, LRP
Paper    Bach et al. 2015, PLoS ONE 10(7); Montavon et al. 2019, Layer-wise relevance propagation: an overview
Systems  xai.lrp_0 xai.lrp_epsilon xai.lrp_gamma xai.lrp_composite
Idea     z_k = sum_j c_jk + b_k,  c_jk = a_j w_jk;   R_j = sum_k c_jk / z_k R_k                                  (1)
         epsilon:  R_j = sum_k c_jk / (z_k + epsilon sign z_k) R_k                                               (2)
         gamma:    c_jk and b_k count 1 + gamma times where they have the sign of z_k, there and in z_k          (3)
         What goes to the biases and to epsilon is absorbed; all else arrives: sum_j R_j = sum_k R_k - absorbed.
Erratum  The cookbook adds epsilon without the sign of z_k: a negative z_k would be brought nearer to zero. Its gamma
         favours w_jk > 0, which is (3) where a_j >= 0 and z_k > 0.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.errors import ConfigError, nearest
from jaxicon.nn.layered import Layer, Layered, Params

Weights = dict[str, Params]  # of a layered network
Rule = Callable[[Layer, Params, Array, Array], Array]  # (layer, params, its input a, relevance of its output) -> of a


def ratio(relevance: Array, z: Array) -> Array:
    """relevance / z, and 0 where z is 0: who said nothing has nothing to hand on."""
    return jnp.where(z == 0, 0, relevance / jnp.where(z == 0, 1, z))


def epsilon(strength: float) -> Rule:
    """(2): relevance that hangs on weak or contradictory contributions is absorbed; for the layers in the middle."""

    def rule(layer: Layer, params: Params, a: Array, relevance: Array) -> Array:
        z, pull = jax.vjp(lambda a: layer.apply(params, a), a)
        (share,) = pull(ratio(relevance, z + strength * jnp.sign(z)))
        return a * share

    return rule


# (1), and what every layer without parameters does by itself: with this rule a ReLU and a reshaping hand on what they
# get, max-pooling gives all to the largest, average pooling divides in proportion.
zero = epsilon(0.0)


def gamma(strength: float) -> Rule:
    """(3): favours what supports the neuron; dense and readable, for the layers near the input."""

    def rule(layer: Layer, params: Params, a: Array, relevance: Array) -> Array:
        up, down = jnp.maximum(a, 0), jnp.minimum(a, 0)
        says = jnp.sign(layer.apply(params, a))

        def for_sign(sign: int) -> Array:
            """From the outputs z_k of this sign."""
            raised = lambda sign: jax.tree.map(lambda w: w + strength * sign * jnp.maximum(sign * w, 0), params)
            without_bias = raised(-sign) | {"bias": jnp.zeros_like(params["bias"])}
            weighted = lambda up, down: layer.apply(raised(sign), up) + layer.apply(without_bias, down)
            z, pull = jax.vjp(weighted, up, down)
            shares = pull(jnp.where(says == sign, ratio(relevance, z), 0))
            return up * shares[0] + down * shares[1]

        return for_sign(1) + for_sign(-1)

    return rule


def composite(network: Layered, params: Weights, *rules: Rule) -> dict[str, Rule]:
    """The layers with parameters, from the input on, as evenly as possible among the rules: gamma, epsilon, zero."""
    names = [name for name in network.layers if params[name]]
    groups = np.array_split(names, len(rules))
    return {str(name): rule for rule, group in zip(rules, groups, strict=True) for name in group}


def relevances(
    network: Layered, params: Weights, x: Float[Array, "b ..."], target: Int[Array, "b"], rules: dict[str, Rule]
) -> dict[str, Array]:
    """What the input of every layer contributes to the output of index `target`, which is the total at the top.

    rules: by name of layer; `zero` for all others. Raises ConfigError for a name that is of no layer with parameters.
    """
    for name in rules:
        if not params.get(name):
            raise ConfigError(f"lrp: no layer {name!r} with parameters{nearest(name, filter(params.get, params))}")
    outputs = network.activations(params, x)
    inputs = dict(zip(network.layers, [x, *outputs.values()], strict=False))
    logits = [*outputs.values()][-1]
    relevance = logits * jax.nn.one_hot(target, logits.shape[-1], dtype=logits.dtype)
    found = {}
    for name, layer in reversed(network.layers.items()):
        found[name] = relevance = rules.get(name, zero)(layer, params[name], inputs[name], relevance)
    return found


def lrp(
    network: Layered, params: Weights, x: Float[Array, "b ..."], target: Int[Array, "b"], rules: dict[str, Rule]
) -> Float[Array, "b ..."]:
    """The relevance of every pixel of x for the output of index `target`; arguments as of `relevances`."""
    return [*relevances(network, params, x, target, rules).values()][-1]
