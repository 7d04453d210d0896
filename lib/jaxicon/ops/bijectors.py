"""Invertible maps with a Jacobian whose determinant is cheap: the layers of normalizing flows.

Notes    CS182 §8.5.1-3; Deep-learning cookbook, Coupling Layers
Systems  gen.change_of_variables gen.coupling_alternating
Idea     x = f(z):  log p(x) = log p(z) - log |det df/dz| = log p(z) + log |det dz/dx|                    (1)
         x_a = z_a,  x_b = z_b exp(s(z_a)) + t(z_a):  dx/dz is triangular, log |det dx/dz| = sum s(z_a)   (2)
Erratum  the Deep-learning cookbook calls the determinant of a triangular matrix the sum of its diagonal: the product;
         CS182 §8.5.3 prints the lower left block of (2) as dt/dz_a; it is that plus diag(z_b exp s) ds/dz_a.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Conditioner = Callable[[Float[Array, "a"]], tuple[Float[Array, "b"], Float[Array, "b"]]]  # z_a -> (s, t)


class Bijector(NamedTuple):
    """forward: z [d] -> (x [d], log |det dx/dz|); inverse: x [d] -> (z [d], log |det dz/dx|)."""

    forward: Callable
    inverse: Callable


def log_density(bijector: Bijector, base: Callable, x: Float[Array, "d"]) -> Float[Array, ""]:
    """(1), where base(z) is log p(z)."""
    z, log_det = bijector.inverse(x)
    return base(z) + log_det


def halves(x: Float[Array, "d"]) -> tuple[Float[Array, "a"], Float[Array, "b"]]:
    """The first d // 2 entries, which a coupling keeps, and the others."""
    return x[: x.shape[0] // 2], x[x.shape[0] // 2 :]


def affine_coupling(conditioner: Conditioner) -> Bijector:
    """(2)"""

    def forward(z: Float[Array, "d"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
        a, b = halves(z)
        s, t = conditioner(a)
        return jnp.concatenate([a, b * jnp.exp(s) + t]), s.sum()

    def inverse(x: Float[Array, "d"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
        a, b = halves(x)
        s, t = conditioner(a)
        return jnp.concatenate([a, (b - t) * jnp.exp(-s)]), -s.sum()

    return Bijector(forward, inverse)


# Between two couplings: the others first, so that every entry is changed and every entry is seen, also where d is odd.
swap = Bijector(
    lambda z: (jnp.roll(z, -(z.shape[0] // 2)), jnp.zeros((), z.dtype)),
    lambda x: (jnp.roll(x, x.shape[0] // 2), jnp.zeros((), x.dtype)),
)


def through(maps: list[Callable], x: Float[Array, "d"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
    """One map after the other; the logarithms of the determinants add up."""
    total = jnp.zeros((), x.dtype)
    for function in maps:
        x, log_det = function(x)
        total += log_det
    return x, total


def chain(*bijectors: Bijector) -> Bijector:
    """The first is applied to z first."""
    return Bijector(
        lambda z: through([b.forward for b in bijectors], z),
        lambda x: through([b.inverse for b in reversed(bijectors)], x),
    )


def stack(layer: Callable[[Any], Bijector], params: Any) -> Bijector:
    """The chain of layer(p) for all p along the leading axis of params, compiled once."""

    def scanned(direction: str, x: Float[Array, "d"]) -> tuple[Float[Array, "d"], Float[Array, ""]]:
        def body(carry, p):
            x, log_det = getattr(layer(p), direction)(carry[0])
            return (x, carry[1] + log_det), None

        dtype = jnp.result_type(x, *jax.tree.leaves(params))
        start = x.astype(dtype), jnp.zeros((), dtype)
        return jax.lax.scan(body, start, params, reverse=direction == "inverse")[0]

    return Bijector(lambda z: scanned("forward", z), lambda x: scanned("inverse", x))
