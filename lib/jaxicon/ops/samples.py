"""How far two distributions are apart, judged by a sample of each."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.ops.linalg import eigh


def sliced_wasserstein(
    key: jax.Array, x: Float[Array, "n d"], y: Float[Array, "n d"], directions: int = 100
) -> Float[Array, ""]:
    """Mean over random directions of the Wasserstein-1 distance of the projections, which sorting pairs optimally."""
    axes = jax.random.normal(key, (x.shape[1], directions), x.dtype)
    axes = axes / jnp.linalg.norm(axes, axis=0, keepdims=True)
    return jnp.abs(jnp.sort(x @ axes, axis=0) - jnp.sort(y @ axes, axis=0)).mean()


def moments(x: Float[Array, "n d"]) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """Mean and covariance."""
    return x.mean(0), jnp.cov(x, rowvar=False)


def frechet(
    mean: Float[Array, "d"],
    covariance: Float[Array, "d d"],
    other_mean: Float[Array, "d"],
    other_covariance: Float[Array, "d d"],
) -> Float[Array, ""]:
    """Squared Wasserstein-2 distance of two Gaussians, |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)."""
    values, vectors = eigh(covariance)
    root = (vectors * jnp.sqrt(values.clip(0))[None]) @ vectors.T
    cross = jnp.sqrt(eigh(root @ other_covariance @ root)[0].clip(0)).sum()
    return ((mean - other_mean) ** 2).sum() + jnp.trace(covariance) + jnp.trace(other_covariance) - 2 * cross
