"""Hamiltonian Monte Carlo: proposals far away that are accepted nearly always (Neal 2011, arXiv:1206.1901).

A position q with density exp(log_density(q)) up to a constant gets a momentum p ~ N(0, I); the dynamics of the energy
H = |p|^2 / 2 - log_density(q) keep it, and leapfrog steps keep it up to their square. Plain functions of a flat vector;
an ill-conditioned density is whitened by its user, log_density(mode + root @ z).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

LogDensity = Callable[[Float[Array, "d"]], Float[Array, ""]]


def energy(log_density: LogDensity, position: Float[Array, "d"], momentum: Float[Array, "d"]) -> Float[Array, ""]:
    """H(q, p)."""
    return (momentum**2).sum() / 2 - log_density(position)


def leapfrog(
    log_density: LogDensity, position: Float[Array, "d"], momentum: Float[Array, "d"], step_size: float, steps: int
) -> tuple[Float[Array, "d"], Float[Array, "d"]]:
    """`steps` steps of size `step_size`: half a kick, a drift, half a kick. Reversible, and it keeps volume."""
    force = jax.grad(log_density)

    def step(_, carry):
        position, momentum, slope = carry
        momentum = momentum + step_size / 2 * slope
        position = position + step_size * momentum
        slope = force(position)
        return position, momentum + step_size / 2 * slope, slope

    return jax.lax.fori_loop(0, steps, step, (position, momentum, force(position)))[:2]


def transition(
    key: jax.Array, log_density: LogDensity, position: Float[Array, "d"], step_size: float, steps: int
) -> tuple[Float[Array, "d"], Float[Array, ""]]:
    """The next position and the probability with which the proposal was accepted; a diverged one is refused."""
    momentum_key, accept_key = jax.random.split(key)
    momentum = jax.random.normal(momentum_key, position.shape, position.dtype)
    proposal, final = leapfrog(log_density, position, momentum, step_size, steps)
    gain = energy(log_density, position, momentum) - energy(log_density, proposal, final)
    acceptance = jnp.exp(jnp.minimum(jnp.where(jnp.isfinite(gain), gain, -jnp.inf), 0))
    accepted = jax.random.uniform(accept_key, dtype=position.dtype) < acceptance
    return jnp.where(accepted, proposal, position), acceptance


def chain(
    key: jax.Array, log_density: LogDensity, position: Float[Array, "d"], step_size: float, steps: int, count: int
) -> tuple[Float[Array, "n d"], Float[Array, "n"]]:
    """Positions after each of `count` transitions, and their probabilities of acceptance."""

    def link(position, i):
        position, acceptance = transition(jax.random.fold_in(key, i), log_density, position, step_size, steps)
        return position, (position, acceptance)

    return jax.lax.scan(link, position, jnp.arange(count))[1]
