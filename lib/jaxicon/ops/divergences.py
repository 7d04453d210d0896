"""Divergences between distributions, in nats."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def gaussian_kl(
    mean: Float[Array, "z"],
    log_std: Float[Array, "z"],
    other_mean: Float[Array, "z"] | float = 0.0,
    other_log_std: Float[Array, "z"] | float = 0.0,
) -> Float[Array, ""]:
    """KL(N(mean, std^2) || N(other_mean, other_std^2)) of diagonal Gaussians; the other is N(0, 1) by default."""
    precision = jnp.exp(-2 * other_log_std)
    square = (jnp.exp(2 * log_std) + (mean - other_mean) ** 2) * precision
    return (other_log_std - log_std + (square - 1) / 2).sum()


def kl(p: Float[Array, "n"], q: Float[Array, "n"]) -> Float[Array, ""]:
    """KL(p || q) = sum p log(p / q) of probability vectors; infinite where q = 0 < p."""
    return jax.scipy.special.rel_entr(p, q).sum()


def categorical_kl(logits: Float[Array, "*b n"], other: Float[Array, "*b n"]) -> Float[Array, "*b"]:
    """KL(softmax(logits) || softmax(other)) along the last axis, for finite logits."""
    log_p = jax.nn.log_softmax(logits)
    return (jnp.exp(log_p) * (log_p - jax.nn.log_softmax(other))).sum(-1)


def jensen_shannon(p: Float[Array, "n"], q: Float[Array, "n"]) -> Float[Array, ""]:
    """Mean KL of p and q to their mixture: symmetric, 0 where they are equal, log 2 where they share nothing."""
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2
