"""Noise that a deterministic policy explores with, drawn step by step: x' = decay x + scale n with n normal.

Notes    RL & DL notebook U2, DDPG; U1, best practices
Paper    Uhlenbeck & Ornstein 1930, Physical Review 36; Gillespie 1996, Physical Review E 54, for the exact step
Systems  rl.ou_noise rl.gaussian_noise
Idea     dx = -theta x dt + sigma dW:  decay = exp(-theta dt),  scale = sigma sqrt((1 - decay^2) / (2 theta))      (1)
         Variance sigma^2 / (2 theta) in the long run and correlation exp(-theta t) after t, whatever the dt. Euler's
         step, decay = 1 - theta dt and scale = sigma sqrt(dt), has the variance of (1) times 1 / (1 - theta dt / 2).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Noise(NamedTuple):
    """A process, from x = 0 at the start of an episode."""

    decay: float | Array
    scale: float | Array


def ornstein_uhlenbeck(theta: float, sigma: float, seconds: float = 1.0) -> Noise:
    """(1) at steps of `seconds`: what comes next resembles what came before. theta and seconds must be above 0."""
    decay = jnp.exp(-theta * seconds)
    return Noise(decay, sigma * jnp.sqrt((1 - decay**2) / (2 * theta)))


def gaussian(std: float) -> Noise:
    """Independent draws."""
    return Noise(0.0, std)


def following(noise: Noise, x: Float[Array, "*n"], normal: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The value after x, made of standard normal draws."""
    return noise.decay * x + noise.scale * normal


def perturbed(
    action: Float[Array, "*n"], x: Float[Array, "*n"], low: float | Array, high: float | Array
) -> Float[Array, "*n"]:
    """The action with the noise x, cut to its bounds."""
    return jnp.clip(action + x, low, high)
