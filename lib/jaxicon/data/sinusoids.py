"""Sine waves of unknown amplitude and phase, a few points of each: the smallest family of tasks to learn to learn.

Notes    CS182 Spring 2021 §10.1
Paper    Finn, Abbeel & Levine 2017, arXiv:1703.03400, section 5.1
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.method import Key

AMPLITUDE, PHASE, X = (0.1, 5.0), (0.0, jnp.pi), (-5.0, 5.0)


class Tasks(NamedTuple):
    """What a learner sees of each task, and other points to judge it by; (x, y), each [n points 1]."""

    support: tuple[Float[Array, "n k 1"], Float[Array, "n k 1"]]
    query: tuple[Float[Array, "n q 1"], Float[Array, "n q 1"]]


def sinusoids(key: Key, count: int, shots: int, queries: int) -> Tasks:
    """`count` tasks y = amplitude sin(x - phase), all three uniform, independent from point to point."""
    amplitude_key, phase_key, x_key = jax.random.split(key, 3)
    draw = lambda key, bounds, *shape: jax.random.uniform(key, (count, *shape, 1), minval=bounds[0], maxval=bounds[1])
    x = draw(x_key, X, shots + queries)
    y = draw(amplitude_key, AMPLITUDE, 1) * jnp.sin(x - draw(phase_key, PHASE, 1))
    return Tasks((x[:, :shots], y[:, :shots]), (x[:, shots:], y[:, shots:]))
