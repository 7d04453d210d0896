"""Gaussian diffusion: how noise is added, and what is known of the step before when the data are known.

A schedule is the array alpha_bar [T + 1]: the share of the data's variance that is left at time t, alpha_bar[0] = 1.
What holds between t - 1 and t holds between any two times s < t, so that a sampler may skip steps.

Notes    Deep-learning cookbook, Diffusion
Paper    Ho, Jain & Abbeel 2020, arXiv:2006.11239; Nichol & Dhariwal 2021, arXiv:2102.09672 for (5)
Systems  gen.ddpm_posterior
Idea     q(x_t | x_s) = N(sqrt(1 - beta) x_s, beta I),  beta = 1 - alpha_bar_t / alpha_bar_s                     (1)
         q(x_t | x_0) = N(sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I)                                            (2)
         q(x_s | x_t, x_0) = N(mean, variance I),  variance = beta (1 - alpha_bar_s) / (1 - alpha_bar_t)         (3)
         mean = (sqrt(alpha_bar_s) beta x_0 + sqrt(1 - beta) (1 - alpha_bar_s) x_t) / (1 - alpha_bar_t)          (4)
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Schedule = Float[Array, "times"]
Time = Int[Array, ""] | int


def linear(steps: int, first: float = 1e-4, last: float = 0.02) -> Schedule:
    """The paper's: beta rises linearly, from `first` to `last` in 1,000 steps; of fewer, each is so many in one."""
    alpha = 1 - np.linspace(first, last, steps)
    return jnp.asarray(np.cumprod([1, *alpha ** (1000 / steps)]), float)


def cosine(steps: int, offset: float = 0.008) -> Schedule:
    """alpha_bar_t = f(t) / f(0),  f(t) = cos^2((t / T + offset) / (1 + offset) pi / 2),  beta at most 0.999    (5)"""
    f = np.cos((np.arange(steps + 1) / steps + offset) / (1 + offset) * np.pi / 2) ** 2
    return jnp.asarray(np.cumprod([1, *(f[1:] / f[:-1]).clip(min=0.001)]), float)


def spread(steps: int, count: int) -> Int[Array, "n"]:
    """0 = times[0] < ... < times[count] = steps, evenly spaced: the times of a sampler that skips the others.

    Raises ValueError where the count is none of 1 .. steps.
    """
    if not 1 <= count <= steps:
        raise ValueError(f"diffusion: {count} times cannot be spread over {steps} steps")
    return jnp.asarray(np.round(np.linspace(0, steps, count + 1)).astype(int))


def diffuse(alpha_bar: Schedule, t: Time, x0: Float[Array, "*d"], noise: Float[Array, "*d"]) -> Float[Array, "*d"]:
    """x_t by (2), from noise ~ N(0, I)."""
    return jnp.sqrt(alpha_bar[t]) * x0 + jnp.sqrt(1 - alpha_bar[t]) * noise


def denoise(alpha_bar: Schedule, t: Time, x: Float[Array, "*d"], noise: Float[Array, "*d"]) -> Float[Array, "*d"]:
    """x_0 by (2), from x_t and the noise in it."""
    return (x - jnp.sqrt(1 - alpha_bar[t]) * noise) / jnp.sqrt(alpha_bar[t])


def added(alpha_bar: Schedule, s: Time, t: Time) -> Float[Array, ""]:
    """beta of (1): the variance that is added between s and t."""
    return 1 - alpha_bar[t] / alpha_bar[s]


def posterior_variance(alpha_bar: Schedule, s: Time, t: Time) -> Float[Array, ""]:
    """(3)"""
    return added(alpha_bar, s, t) * (1 - alpha_bar[s]) / (1 - alpha_bar[t])


def posterior_mean(
    alpha_bar: Schedule, s: Time, t: Time, x0: Float[Array, "*d"], x: Float[Array, "*d"]
) -> Float[Array, "*d"]:
    """(4), where x is x_t."""
    beta = added(alpha_bar, s, t)
    signal = jnp.sqrt(alpha_bar[s]) * beta * x0 + jnp.sqrt(1 - beta) * (1 - alpha_bar[s]) * x
    return signal / (1 - alpha_bar[t])
