"""Contrastive losses: two views of one thing should be near each other and far from all else.

Notes    Deep-learning cookbook, Contrastive Learning and SimCLR
Paper    Chen, Kornblith, Norouzi & Hinton 2020, arXiv:2002.05709, equation 1
Systems  repr.temperature_experiment
Idea     l(i) = -log exp(s_ip / temperature) / sum_{k != i} exp(s_ik / temperature),  s_ik = cos(z_i, z_k)      (1)
         over 2n views, p the other view of i's source: a classification of i among the 2n - 1 others
Erratum  the Deep-learning cookbook prints s_ij in every term of the denominator; it is s_ik.

A cosine lies in [-1, 1], so the temperature alone sets how sharp the softmax is: uniform as it grows, on the nearest
view alone as it goes to 0.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def cosines(z: Float[Array, "n d"]) -> Float[Array, "n n"]:
    """The cosine of every two rows; a row of zeros has cosine 0 with all, and gradient 0."""
    square = jnp.square(z).sum(1, keepdims=True)
    unit = z * jax.lax.rsqrt(jnp.where(square > 0, square, 1))
    return unit @ unit.T


def pair_logits(
    a: Float[Array, "n d"], b: Float[Array, "n d"], temperature: float
) -> tuple[Float[Array, "m m"], Int[Array, "m"]]:
    """(logits, partners) of (1) for m = 2n views, those of `a` first; the logit of a view with itself is -inf.

    a[i] and b[i] are views of source i.
    """
    n = a.shape[0]
    logits = cosines(jnp.concatenate([a, b])) / temperature
    return jnp.where(jnp.eye(2 * n, dtype=bool), -jnp.inf, logits), (jnp.arange(2 * n) + n) % (2 * n)


def nt_xent(a: Float[Array, "n d"], b: Float[Array, "n d"], temperature: float) -> Float[Array, ""]:
    """(1), the mean over all 2n views; log(2n - 1) where all are equally near."""
    logits, partners = pair_logits(a, b, temperature)
    right = jnp.take_along_axis(logits, partners[:, None], 1)[:, 0]
    return (jax.nn.logsumexp(logits, 1) - right).mean()


def retrieval(a: Float[Array, "n d"], b: Float[Array, "n d"]) -> Float[Array, ""]:
    """The share of views whose nearest other view, by cosine, is their partner."""
    logits, partners = pair_logits(a, b, 1.0)
    return (logits.argmax(1) == partners).mean(dtype=logits.dtype)
