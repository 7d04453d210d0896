"""Distributions as plain functions of their parameters, in nats; the last axis is the distribution's.

Notes    MIT 6.S191 lecture 5
Book     Murphy 2022, Probabilistic Machine Learning: An Introduction, §2.5, §2.6
Systems  rl.gaussian_policy
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def categorical_log_prob(logits: Float[Array, "*b n"], x: Int[Array, "*b"]) -> Float[Array, "*b"]:
    """log p(x) for p = softmax(logits)."""
    return jnp.take_along_axis(jax.nn.log_softmax(logits), x[..., None], -1)[..., 0]


def categorical_entropy(logits: Float[Array, "*b n"]) -> Float[Array, "*b"]:
    """- sum p log p; a logit of minus infinity counts nothing."""
    return jax.scipy.special.entr(jax.nn.softmax(logits)).sum(-1)


def mixture(log_p: Float[Array, "n *b"]) -> Float[Array, "*b"]:
    """log of the mean of p over the first axis: the equal mixture of n distributions."""
    return jax.nn.logsumexp(log_p, axis=0, b=1 / log_p.shape[0])


def gaussian_log_prob(
    mean: Float[Array, "*b d"], log_std: Float[Array, "*b d"], x: Float[Array, "*b d"]
) -> Float[Array, "*b"]:
    """log N(x; mean, std^2) with a diagonal covariance."""
    return jax.scipy.stats.norm.logpdf(x, mean, jnp.exp(log_std)).sum(-1)


def gaussian_entropy(log_std: Float[Array, "*b d"]) -> Float[Array, "*b"]:
    """Sum over the coordinates of log std + (1 + log 2 pi) / 2."""
    return (log_std + (1 + jnp.log(2 * jnp.pi)) / 2).sum(-1)
