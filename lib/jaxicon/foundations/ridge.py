"""Ridge regression: the squared error and a penalty on the squared weights, minimised in closed form.

Notes    CS182 §2.1, §2.3; MIT 6.S191 lecture 1; RL & DL notebook U3 Regularization
Paper    Hoerl & Kennard 1970, Technometrics 12
Systems  found.empirical_risk found.map_gaussian_prior reg.l2
Idea     R(w) = E L(w, x, y),  R_n(w) = 1/n sum_i L(w, x_i, y_i) = R(w) + O(1 / sqrt n)                          (1)
         x ~ N(0, I), y ~ N(truth . x, noise^2):  E (y - w . x)^2 = noise^2 + |w - truth|^2                      (2)
         argmin |y - X w|^2 + penalty |w|^2 = (X^T X + penalty I)^-1 X^T y                                       (3)
         y ~ N(X w, noise^2 I), w ~ N(0, prior^2 I):
         -log p(y | w) - log p(w) = |y - X w|^2 / (2 noise^2) + lambda |w|^2 + const,  lambda = 1 / (2 prior^2)  (4)
         whose minimum is (3) with penalty = noise^2 / prior^2                                                   (5)
Erratum  CS182 §2.3.1 prints the loss with -lambda |w|^2, which has no minimum: the sign is that of (4).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, ranked, within
from jaxicon.ops.linalg import qr, solve

Number = float | Float[Array, ""]


def empirical_risk(loss: Callable, params: Any, x: Float[Array, "n *d"], y: Float[Array, "n *k"]) -> Float[Array, ""]:
    """R_n of (1): the mean over the examples of loss(params, x_i, y_i), a scalar."""
    return jax.vmap(loss, (None, 0, 0))(params, x, y).mean()


def gaussian_risk(weights: Float[Array, "d"], truth: Float[Array, "d"], noise: Number) -> Float[Array, ""]:
    """R of (2): the risk of a linear predictor under the squared error."""
    return noise**2 + ((weights - truth) ** 2).sum()


def polynomial(x: Float[Array, "n"], degree: int) -> Float[Array, "n k"]:
    """The Legendre polynomials of degrees 0 .. `degree` at x, k = degree + 1 columns.

    They span the powers of x, but columns of powers are nearly dependent; these are orthogonal over [-1, 1].
    """
    columns = [jnp.ones_like(x), x]
    for k in range(1, degree):
        columns.append(((2 * k + 1) * x * columns[k] - k * columns[k - 1]) / (k + 1))
    return jnp.stack(columns[: degree + 1], axis=1)


def l2(params: Any) -> Float[Array, ""]:
    """The sum of the squares of all parameters; its gradient is twice the parameters.

    `loss + penalty * l2(params)` under gradient descent multiplies the weights by 1 - 2 learning_rate penalty before
    each step on the loss, which is weight decay; under Adam, which rescales that part of the gradient too, it is not.
    """
    return sum((leaf**2).sum() for leaf in jax.tree.leaves(params))


def ridge(x: Float[Array, "n d"], y: Float[Array, "n *k"], penalty: Number) -> Float[Array, "d *k"]:
    """The weights (3), for one target [n] or several [n, k]; `penalty` multiplies the sum of squares, not the mean.

    All columns are penalised: for a free intercept, centre x and y. Without a penalty the columns must be independent.
    By a QR of x above sqrt(penalty) I, as the normal equations square the condition of x.
    Raises DataError for x that is no matrix, ConfigError for a penalty below 0.
    """
    ranked("ridge", 2, x=x)
    within("ridge", 0, float("inf"), penalty=penalty)
    root = jnp.sqrt(jnp.asarray(penalty, x.dtype)) * jnp.eye(x.shape[1], dtype=x.dtype)
    q, r = qr(jnp.concatenate([x, root]))
    return solve(r, q[: x.shape[0]].T @ y)  # (3)


def negative_log_posterior(
    weights: Float[Array, "d"], x: Float[Array, "n d"], y: Float[Array, "n"], noise: Number, prior: Number
) -> Float[Array, ""]:
    """(4) with its constants, up to log p(y); `noise` and `prior` are standard deviations."""
    log_density = lambda z, std: -0.5 * (z / std) ** 2 - jnp.log(std) - 0.5 * jnp.log(2 * jnp.pi)
    return -log_density(y - x @ weights, noise).sum() - log_density(weights, prior).sum()


def most_probable(x: Float[Array, "n d"], y: Float[Array, "n"], noise: Number, prior: Number) -> Float[Array, "d"]:
    """The minimum of (4), the maximum a posteriori. Raises ConfigError for deviations that are not above 0."""
    positive("most_probable", noise=noise, prior=prior)
    return ridge(x, y, noise**2 / prior**2)  # (5)
