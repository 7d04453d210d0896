"""Laplace's approximation: a Gaussian at the mode of a density, with the curvature there (MacKay 1992).

Plain functions of a flat vector w (`jax.flatten_util.ravel_pytree` makes one) at which log p(w, D) is largest. The
posterior is then N(mode, precision^-1); exact where log p(w, D) is quadratic, as in linear-Gaussian regression.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.ops.linalg import cholesky, inv, inv_lower


def curvature(log_joint: Callable, mode: Float[Array, "p"]) -> Float[Array, "p p"]:
    """The precision: minus the Hessian of log p(w, D). Only at a strict maximum is it positive definite."""
    return -jax.hessian(log_joint)(mode)


def gauss_newton(function: Callable, loss: Callable, mode: Float[Array, "p"]) -> Float[Array, "p p"]:
    """J^T H J for loss(function(w)), with outputs function(w) [m] and the Hessian H of the loss in them.

    The Hessian without the curvature of `function`: never negative where the loss is convex, and equal to it where
    `function` is linear. With minus log p(D | outputs) for a loss, it lacks the prior's precision.
    """
    jacobian = jax.jacobian(function)(mode)
    return jacobian.T @ jax.hessian(loss)(function(mode)) @ jacobian


def log_evidence(log_joint: Float[Array, ""], precision: Float[Array, "p p"]) -> Float[Array, ""]:
    """log p(D) = log p(mode, D) + p/2 log 2 pi - 1/2 log |precision|, in nats."""
    log_root = jnp.log(jnp.diag(cholesky(precision))).sum()
    return log_joint + precision.shape[0] / 2 * jnp.log(2 * jnp.pi) - log_root


def gaussian_samples(
    key: jax.Array, mode: Float[Array, "p"], precision: Float[Array, "p p"], count: int
) -> Float[Array, "n p"]:
    """Draws of N(mode, precision^-1)."""
    root = inv_lower(cholesky(precision))  # root^T root = precision^-1
    return mode[None] + jax.random.normal(key, (count, mode.shape[0]), mode.dtype) @ root


def linearised(
    function: Callable, mode: Float[Array, "p"], precision: Float[Array, "p p"]
) -> tuple[Float[Array, "m"], Float[Array, "m m"]]:
    """Mean and covariance of function(w) [m] for w ~ N(mode, precision^-1), to first order at the mode.

    What belongs to `gauss_newton`, which is the exact curvature of the linearised function.
    """
    jacobian = jax.jacobian(function)(mode)
    return function(mode), jacobian @ inv(precision) @ jacobian.T
