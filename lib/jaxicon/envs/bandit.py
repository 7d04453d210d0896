"""Bandits: arms that pay at random, of which the player sees only the one he pulls.

Book     Sutton & Barto 2018, §2.3 and exercise 2.5
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxicon.core.checks import positive
from jaxicon.core.method import Key
from jaxicon.envs.environment import Discrete, Environment


class Testbed(NamedTuple):
    """A distribution over bandits; a bandit is the mean reward of every arm.

    draw(key) -> means [a];  pull(key, mean) -> reward;  drift(key, means) -> means after one pull
    """

    draw: Callable
    pull: Callable
    drift: Callable


def still(key: Key, means: Float[Array, "a"]) -> Float[Array, "a"]:
    """Arms that pay tomorrow what they pay today."""
    return means


def gaussian(arms: int = 10, spread: float = 1.0, noise: float = 1.0, drift: float = 0.0) -> Testbed:
    """Means from N(0, spread^2), rewards from N(mean, noise^2); with every pull all means move by N(0, drift^2)."""
    positive("gaussian", arms=arms, spread=spread)
    return Testbed(
        lambda key: spread * jax.random.normal(key, arms),
        lambda key, mean: mean + noise * jax.random.normal(key),
        lambda key, means: means + drift * jax.random.normal(key, means.shape),
    )


def bernoulli(arms: int = 10) -> Testbed:
    """Rewards 1 with a chance that is uniform in [0, 1], else 0."""
    positive("bernoulli", arms=arms)
    pull = lambda key, mean: jax.random.bernoulli(key, mean).astype(float)
    return Testbed(lambda key: jax.random.uniform(key, arms), pull, still)


def fixed(testbed: Testbed, means: np.ndarray) -> Testbed:
    """The same bandit at every draw."""
    return testbed._replace(draw=lambda key: jnp.asarray(means, float))


def environment(testbed: Testbed, means: np.ndarray) -> Environment:
    """One bandit as something to play: an episode is one pull, and there is nothing to see but a constant 1."""
    still_there = lambda key: jnp.zeros((), jnp.int32)
    step = lambda key, state, action: (state, testbed.pull(key, jnp.asarray(means, float)[action]), jnp.array(True))
    return Environment(still_there, step, lambda state: jnp.ones(1), Discrete(len(means)), 1)
