"""The steepest direction where distance is the change of a distribution, without a matrix of all parameters.

Notes    RL & DL notebook U2
Paper    Amari 1998, Neural Computation 10; Kakade 2001, NIPS 14; Schulman et al. 2015, arXiv:1502.05477, appendix C
Idea     KL(p_theta || p_theta+s) = s^T F s / 2 + O(s^3),  F = E grad log p grad log p^T                     (1)
         F = J^T H J,  J of the parameters' map to the outputs, H the Hessian of KL in the outputs             (2)
         s = sqrt(2 delta / (g^T F^-1 g)) F^-1 g:  the most of g^T s where s^T F s / 2 = delta                 (3)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Product = Callable[[Float[Array, "d"]], Float[Array, "d"]]  # v -> F v


def fisher_product(output: Callable[[Array], Any], divergence: Callable[[Any, Any], Array], at: Array) -> Product:
    """v -> F v by (2), for output(vector [d]) -> distributions and divergence(before, after) -> their mean KL.

    As KL has no slope where both are the same, no derivative of `output` but the first is needed: F v is the Hessian of
    KL times v. What does not depend on v is computed once.
    """
    before, push = jax.linearize(output, at)
    pull = jax.linear_transpose(push, at)
    slope = jax.grad(lambda after: divergence(before, after))

    def product(v: Float[Array, "d"]) -> Float[Array, "d"]:
        return pull(jax.jvp(slope, (before,), (push(v),))[1])[0]

    return product


def conjugate_gradient(product: Product, b: Float[Array, "d"], iterations: int) -> Float[Array, "d"]:
    """x with product(x) = b, for a symmetric positive definite product, from 0; exact after d iterations but for
    rounding. Where b lies in the range of a singular one, the solution there. It stops where nothing is left of b."""
    floor = jnp.finfo(b.dtype).eps ** 2 * (b @ b)

    def improve(_, carry):
        x, rest, way, size = carry
        image = product(way)
        done = size <= floor
        length = jnp.where(done, 0, size / jnp.where(done, 1, way @ image))
        x, rest = x + length * way, rest - length * image
        fresh = rest @ rest
        return x, rest, rest + jnp.where(done, 0, fresh / jnp.where(done, 1, size)) * way, fresh

    return jax.lax.fori_loop(0, iterations, improve, (jnp.zeros_like(b), b, b, b @ b))[0]


def trust_step(product: Product, gradient: Float[Array, "d"], divergence: float, iterations: int) -> Float[Array, "d"]:
    """(3), with F^-1 g from `iterations` of conjugate gradients; 0 where the gradient is 0."""
    direction = conjugate_gradient(product, gradient, iterations)
    square = direction @ product(direction)
    return jnp.sqrt(2 * divergence / jnp.where(square > 0, square, jnp.inf)) * direction
