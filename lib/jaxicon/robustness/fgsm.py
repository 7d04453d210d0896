"""Fast gradient sign method: the worst small change of an image, if the loss were linear.

Notes    CS182 Spring 2021 §9.3.2; MIT 6.S191 lecture 6
Paper    Goodfellow, Shlens & Szegedy 2015, arXiv:1412.6572, section 4
Systems  rob.fgsm rob.image_error_attack
Idea     L(x + d, y) ~ L(x, y) + d^T grad_x L is largest over |d|_inf <= epsilon at d = epsilon sign(grad_x L)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Key

Predict = Callable[[Float[Array, "b *d"]], Float[Array, "b c"]]  # logits of pixels in [0, 1]; the weights are fixed


def losses(predict: Predict, x: Float[Array, "b *d"], y: Int[Array, "b"]) -> Float[Array, "b"]:
    """The cross-entropy of each image."""
    return optax.softmax_cross_entropy_with_integer_labels(predict(x), y)


def gradient(predict: Predict, x: Float[Array, "b *d"], y: Int[Array, "b"]) -> Float[Array, "b *d"]:
    """Of each image's loss with respect to its own pixels."""
    return jax.grad(lambda x: losses(predict, x, y).sum())(x)


def fgsm(predict: Predict, x: Float[Array, "b *d"], y: Int[Array, "b"], epsilon: float) -> Float[Array, "b *d"]:
    """One step of epsilon in every pixel, up the loss, kept in [0, 1]."""
    return jnp.clip(x + epsilon * jnp.sign(gradient(predict, x, y)), 0, 1)


def random_sign(key: Key, x: Float[Array, "b *d"], epsilon: float) -> Float[Array, "b *d"]:
    """As large a change in no particular direction, to compare with."""
    return jnp.clip(x + epsilon * jax.random.rademacher(key, x.shape, x.dtype), 0, 1)


def raise_loss(
    predict: Predict, x: Float[Array, "b *d"], y: Int[Array, "b"], step_size: float, steps: int
) -> Float[Array, "b *d"]:
    """Training the other way round: gradient ascent on the image, kept in [0, 1], with no bound on the change."""
    ascend = lambda _, x: jnp.clip(x + step_size * gradient(predict, x, y), 0, 1)
    return jax.lax.fori_loop(0, steps, ascend, x)


def accuracy(predict: Predict, x: Float[Array, "b *d"], y: Int[Array, "b"]) -> Float[Array, ""]:
    """Share of x whose largest logit is that of y."""
    return (predict(x).argmax(-1) == y).mean(dtype=x.dtype)
