"""LAPACK that cannot stall: factorisations of one matrix, one after the other under vmap on a CPU.

XLA's CPU backend runs a batched LAPACK call on the thread pool on which the call itself waits; two such calls at once
can wait for each other for ever. Here vmap becomes a loop on CPUs and stays one batched call elsewhere. Derivatives of
every order, in both modes, are written out with products and inverses only, so they take no batched call either.
"""

import math
from collections.abc import Callable
from functools import wraps

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def sequential(function: Callable) -> Callable:
    """`function` of arrays; vmap of it is lax.map on CPUs and one batched call on other devices."""
    looped = jax.custom_batching.custom_vmap(function)

    @looped.def_vmap
    def rule(axis_size, in_batched, *args):
        def one(mapped):
            rest = iter(mapped)
            return looped(*(next(rest) if b else a for a, b in zip(args, in_batched, strict=True)))

        loop = lambda *args: jax.lax.map(one, [a for a, b in zip(args, in_batched, strict=True) if b])
        batch = jax.vmap(function, in_axes=[0 if b else None for b in in_batched], axis_size=axis_size)
        out = jax.lax.platform_dependent(*args, cpu=loop, default=batch)
        return out, jax.tree.map(lambda _: True, out)

    return looped


def lapack(tangent: Callable) -> Callable:
    """A decorator: `sequential`, and tangent(primals, result, *tangents) is the derivative of the result."""

    def decorate(function: Callable) -> Callable:
        operation = jax.custom_jvp(sequential(function))

        @operation.defjvp
        def rule(primals, tangents):
            result = operation(*primals)
            return result, tangent(primals, result, *tangents)

        return wraps(function)(operation)

    return decorate


def symmetric(a: Float[Array, "n n"]) -> Float[Array, "n n"]:
    return (a + a.T) / 2


@lapack(lambda primals, inverse, da: -inverse @ da @ inverse)
def inv(a: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """A^-1."""
    return jnp.linalg.inv(a)


@lapack(lambda primals, inverse, da: -inverse @ jnp.tril(da) @ inverse)
def inv_lower(a: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The inverse of a lower triangular matrix; what is above the diagonal is not read."""
    return jax.scipy.linalg.solve_triangular(a, jnp.eye(a.shape[0], dtype=a.dtype), lower=True)


@lapack(lambda primals, x, da, db: inv(primals[0]) @ (db - da @ x))
def solve(a: Float[Array, "n n"], b: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
    """x with a x = b, for one right-hand side [n] or several [n, k]."""
    return jnp.linalg.solve(a, b)


@lapack(lambda primals, result, da: (jnp.zeros_like(result[0]), (inv(primals[0]).T * da).sum()))
def slogdet(a: Float[Array, "n n"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(sign, log |det a|)."""
    return tuple(jnp.linalg.slogdet(a))


def _cholesky_tangent(primals, factor, da):
    inverse = inv_lower(factor)
    inner = jnp.tril(inverse @ da @ inverse.T)
    return factor @ (inner - jnp.diag(jnp.diag(inner)) / 2)


@lapack(_cholesky_tangent)
def _cholesky(a):
    return jnp.linalg.cholesky(a)


def cholesky(a: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The lower triangle c with c c^T = (a + a^T) / 2, which must be positive definite (NaN otherwise)."""
    return _cholesky(symmetric(a))


def _eigh_tangent(primals, result, da):
    w, v = result
    inner = v.T @ da @ v
    gap = w[None, :] - w[:, None]
    rate = jnp.where(gap == 0, 0, 1 / jnp.where(gap == 0, 1, gap))
    return jnp.diag(inner), v @ (rate * inner)


@lapack(_eigh_tangent)
def _eigh(a):
    return tuple(jnp.linalg.eigh(a))


def eigh(a: Float[Array, "n n"]) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    """Ascending eigenvalues w and eigenvectors v (columns): (a + a^T) / 2 = v diag(w) v^T.

    The derivative of v holds for simple eigenvalues only; between equal ones it is taken as zero.
    """
    return _eigh(symmetric(a))


def _qr_tangent(primals, result, da):
    q, r = result
    scaled = da @ inv_lower(r.T).T
    inner = q.T @ scaled
    lower = jnp.tril(inner, -1)
    skew = lower - lower.T
    return q @ (skew - inner) + scaled, (inner - skew) @ r


@lapack(_qr_tangent)
def qr(a: Float[Array, "m n"]) -> tuple[Float[Array, "m n"], Float[Array, "n n"]]:
    """Thin QR of a tall or square matrix, m >= n: orthonormal columns times an upper triangle."""
    return tuple(jnp.linalg.qr(a))


def orthogonal(scale: float = 1.0, column_axis: int = -1) -> Callable:
    """An initialiser, init(key, shape, dtype), of uniformly distributed orthogonal matrices: the same numbers as
    jax.nn.initializers.orthogonal(scale, column_axis)."""

    def init(key: jax.Array, shape: tuple[int, ...], dtype=None, out_sharding=None) -> Array:
        columns = shape[column_axis]
        rows = math.prod(shape) // columns
        q, r = qr(jax.random.normal(key, (max(rows, columns), min(rows, columns)), dtype or float))
        q = q * jnp.sign(jnp.diag(r))[None, :]
        wide = q if rows >= columns else q.T
        rest = [n for i, n in enumerate(shape) if i != column_axis % len(shape)]
        return scale * jnp.moveaxis(wide.reshape(*rest, columns), -1, column_axis)

    return init
