"""Linear probe: how much of the labels can be read off frozen features by a linear classifier.

Notes    Deep-learning cookbook, Self-Supervised Learning
Paper    Alain & Bengio 2017, arXiv:1610.01644
Systems  repr.linear_probe
Idea     minimise over W and b   sum_i -log softmax(W h_i + b)[y_i] + penalty / 2 |W|^2                   (1)
Erratum  the Deep-learning cookbook calls the head a multilayer perceptron; a probe is linear, or it would learn itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int


class Probe(NamedTuple):
    weights: Float[Array, "d k"]
    bias: Float[Array, "k"]


def logits(probe: Probe, features: Float[Array, "n d"]) -> Float[Array, "n k"]:
    return features @ probe.weights + probe.bias[None]


def objective(probe: Probe, features: Float[Array, "n d"], y: Int[Array, "n"], penalty: float) -> Float[Array, ""]:
    """(1); convex, and with a penalty its minimum is finite."""
    fit = optax.softmax_cross_entropy_with_integer_labels(logits(probe, features), y).sum()
    return fit + penalty / 2 * jnp.square(probe.weights).sum()


def linear_probe(
    features: Float[Array, "n d"], y: Int[Array, "n"], classes: int, penalty: float = 1.0, iterations: int = 500
) -> Probe:
    """The minimum of (1) by Nesterov's accelerated gradient, whose momentum starts anew when it points uphill.

    The step is 1 / L for a bound L of the curvature: that of the cross-entropy is at most 1/2 along a unit vector of
    logits. Bring the features to a common scale first.
    """
    curvature = (jnp.square(features).sum() + features.shape[0]) / 2 + penalty
    slope = jax.grad(objective)

    def improve(_, carry):
        probe, ahead, momentum = carry
        gradient = slope(ahead, features, y, penalty)
        new = jax.tree.map(lambda p, g: p - g / curvature, ahead, gradient)
        uphill = sum(jnp.vdot(g, n - p) for g, n, p in zip(gradient, new, probe, strict=True)) > 0
        grown = jnp.where(uphill, 1.0, (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2)
        share = jnp.where(uphill, 0.0, (momentum - 1) / grown)
        return new, jax.tree.map(lambda n, p: n + share * (n - p), new, probe), grown

    zero = Probe(jnp.zeros((features.shape[1], classes), features.dtype), jnp.zeros(classes, features.dtype))
    return jax.lax.fori_loop(0, iterations, improve, (zero, zero, jnp.ones((), features.dtype)))[0]


def accuracy(probe: Probe, features: Float[Array, "n d"], y: Int[Array, "n"]) -> Float[Array, ""]:
    """The share of rows whose largest logit is that of their label."""
    return (logits(probe, features).argmax(1) == y).mean(dtype=features.dtype)
