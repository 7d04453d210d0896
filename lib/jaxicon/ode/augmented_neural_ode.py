"""Augmented neural ODE: zeros appended to the input are room in which trajectories pass each other.

Notes    Deep-learning cookbook, Augmented NODES
Paper    Dupont, Doucet & Teh 2019, arXiv:1904.01681
Systems  ode.augmented_node
Idea     u(0) = (x, 0),  du/dt = f(t, u),  prediction = u(1) in x's coordinates, or softmax(W u(1) + b)           (1)
"""

from dataclasses import dataclass

import diffrax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.method import Predictor
from jaxicon.ode import neural_ode as base


@dataclass(frozen=True)
class Config(base.Config):
    extra: int = 1  # coordinates beyond those of x


def lift(x: Float[Array, "*b d"], extra: int) -> Float[Array, "*b e"]:
    """(1): (x, 0)."""
    return jnp.concatenate([x, jnp.zeros((*x.shape[:-1], extra), x.dtype)], axis=-1)


def augmented_neural_ode(
    config: Config, classes: int | None = None, adjoint: diffrax.AbstractAdjoint = base.through_steps
) -> Predictor:
    """A neural ODE in d + extra dimensions; all else is the same."""
    return base.neural_ode(config, classes, lambda x: lift(x, config.extra), adjoint)
