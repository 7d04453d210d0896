"""How to act on action values: policies as distributions over actions, and schedules for their epsilon.

Notes    RL & DL notebook U1; CS182 §7.6.2, §7.6.8
Book     Sutton & Barto 2018, §2.2, §5.4
Systems  rl.explore_eps_greedy rl.explore_decay
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def draw(key: jax.Array, probabilities: Float[Array, "n"]) -> Int[Array, ""]:
    """An index with these probabilities (up to a factor); never one of probability zero."""
    cumulative = jnp.cumsum(probabilities)
    height = cumulative[-1] * (1 - jax.random.uniform(key, dtype=cumulative.dtype))  # in (0, total]
    return (cumulative < height).sum()


def greedy(values: Float[Array, "a"]) -> Float[Array, "a"]:
    """All probability on the best action; ties share it evenly."""
    first = jnp.arange(values.size) == values.argmax()  # rounded anew by a fusion, no value may equal the maximum
    best = (first | (values == values.max())).astype(values.dtype)
    return best / best.sum()


def epsilon_greedy(values: Float[Array, "a"], epsilon: float) -> Float[Array, "a"]:
    """With probability epsilon any action, the greedy one included."""
    return (1 - epsilon) * greedy(values) + epsilon / values.size


def epsilon_others(values: Float[Array, "a"], epsilon: float) -> Float[Array, "a"]:
    """With probability epsilon any action but the greedy one: epsilon / (actions - 1) each."""
    best = greedy(values)
    return (1 - epsilon) * best + epsilon * (1 - best) / (values.size - 1)


def linear_decay(t: Int[Array, "*t"], start: float, end: float, span: float) -> Float[Array, "*t"]:
    """From start at t = 0 to end at t = span, and end from then on."""
    return start + (end - start) * jnp.minimum(t / span, 1.0)


def harmonic_decay(t: Int[Array, "*t"], start: float, pace: float) -> Float[Array, "*t"]:
    """start / (1 + t / pace): falls to zero, yet its sum diverges, so that nothing is left untried for ever."""
    return start / (1 + t / pace)
