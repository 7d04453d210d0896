"""Risk of a return: what the worst cases are worth, instead of what is worth most on average. Higher is better.

Notes    RL & DL notebook U2, part c, where such objectives are only named
Paper    Rockafellar & Uryasev 2000, Journal of Risk 2, for (1) and (2); Föllmer & Schied 2002, Finance and Stochastics
         6, for (3)
Idea     VaR = inf {z: P(Z <= z) >= level}                                                            (1)
         CVaR = mean of the worst `level` of all cases = max_v v - E max(v - Z, 0) / level             (2)
         entropic = -log E exp(-aversion Z) / aversion:  E Z - aversion Var Z / 2 + ...               (3)
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def tail(
    outcomes: Float[Array, "n"], level: float, probabilities: Float[Array, "n"] | None = None
) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """The outcomes in ascending order, and how much of each lies within the worst `level`; these masses sum to it.

    Without probabilities, outcomes are samples of equal weight. 0 < level <= 1.
    """
    order = outcomes.argsort()
    weights = jnp.full(outcomes.shape, 1 / outcomes.size) if probabilities is None else probabilities
    p = weights[order]
    return outcomes[order], jnp.clip(level - (jnp.cumsum(p) - p), 0, p)


def value_at_risk(
    outcomes: Float[Array, "n"], level: float, probabilities: Float[Array, "n"] | None = None
) -> Float[Array, ""]:
    """(1): the best of the worst `level` of cases; arguments as in `tail`."""
    z, mass = tail(outcomes, level, probabilities)
    return jnp.where(mass > 1e-6 * level, z, -jnp.inf).max()  # a mass may be zero but for rounding


def cvar(outcomes: Float[Array, "n"], level: float, probabilities: Float[Array, "n"] | None = None) -> Float[Array, ""]:
    """(2), of an atom only the share that belongs to the tail; arguments as in `tail`. Level 1 is the mean.

    Its derivative in a probability is min(z - VaR, 0) / level, by the envelope theorem.
    """
    z, mass = tail(outcomes, level, probabilities)
    return (mass * z).sum() / level


def entropic_risk(
    outcomes: Float[Array, "n"], aversion: float, probabilities: Float[Array, "n"] | None = None
) -> Float[Array, ""]:
    """(3): the sure return that is as good to somebody of this aversion > 0; between the mean and the worst case."""
    weights = jnp.full(outcomes.shape, 1 / outcomes.size) if probabilities is None else probabilities
    return -jax.nn.logsumexp(-aversion * outcomes, b=weights) / aversion
