"""Affine maps of the rows of an array, whatever the axes before them.

The rows are brought into one axis before the product. Along several, as vmap leaves them, the gradient of the weights
contracts several axes at once, for which XLA's CPU backend first writes a transposed copy of the larger operand.
"""

from jaxtyping import Array, Float


def rows(x: Float[Array, "*b d"]) -> Float[Array, "n d"]:
    """All axes but the last in one."""
    return x.reshape(-1, x.shape[-1])


def affine(x: Float[Array, "*b d"], kernel: Float[Array, "d k"], bias: Float[Array, "k"] | None = None) -> Array:
    """x W + b [*b, k]; without a bias, x W."""
    product = rows(x) @ kernel
    return (product if bias is None else product + bias[None]).reshape(*x.shape[:-1], -1)
