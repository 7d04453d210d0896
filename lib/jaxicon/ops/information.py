"""What one thing tells of another: mutual information from counts, and whether it is more than chance.

If states are Markov, S_{t-1} tells nothing of S_{t+1} that S_t and A_t do not tell: I(S_{t+1}; S_{t-1} | S_t, A_t) = 0.

Notes    RL & DL notebook U1; CS182 §7.1.2
Book     Cover & Thomas 2006, §2.5; Agresti 2013, §3.2, for the likelihood-ratio test
Systems  rl.markov_property_test
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Dependence(NamedTuple):
    information: Float[Array, ""]  # I(X; Y | Z), in nats; that of n independent samples is about freedom / 2 n
    freedom: Float[Array, ""]  # degrees of freedom of the test
    p_value: Float[Array, ""]  # the probability of as much information or more, were X and Y independent given Z


def conditional_dependence(counts: Float[Array, "z x y"]) -> Dependence:
    """The likelihood-ratio test of X and Y, given Z: 2 n I is chi-square in large samples if they are independent."""
    whole = counts.sum((1, 2), keepdims=True)
    rows, columns = counts.sum(2, keepdims=True), counts.sum(1, keepdims=True)
    expected = rows * columns / jnp.maximum(whole, 1)
    seen = counts > 0
    terms = jnp.where(seen, counts * jnp.log(jnp.where(seen, counts, 1) / jnp.where(seen, expected, 1)), 0)
    values = lambda margin: jnp.maximum((margin > 0).sum((1, 2)) - 1, 0)
    freedom = (values(rows) * values(columns)).sum().astype(counts.dtype)
    chance = jax.scipy.special.gammaincc(jnp.maximum(freedom, 1) / 2, terms.sum())
    return Dependence(terms.sum() / whole.sum(), freedom, jnp.where(freedom > 0, chance, 1))


def markov_property(
    state: Int[Array, "n"], action: Int[Array, "t"], over: Bool[Array, "t"], states: int, actions: int
) -> Dependence:
    """Whether S_{t-1} tells more of S_{t+1} than S_t and A_t do, from play: a small p-value says that states, or
    observations in their place, are not Markov.

    n = t + 1: state[i + 1] follows action[i], or is a fresh start where step i was over; no triple goes across that.
    """
    given = state[1:-1] * actions + action[1:]
    whole = ~(over[:-1] | over[1:])
    counts = jnp.zeros((states * actions, states, states))
    return conditional_dependence(counts.at[given, state[:-2], state[2:]].add(whole.astype(float)))
