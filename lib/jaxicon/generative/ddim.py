"""DDIM: from a network trained by DDPM, samples in few steps, with as much randomness as wanted or none.

Notes    Deep-learning cookbook, DDIM
Paper    Song, Meng & Ermon 2021, arXiv:2010.02502
Systems  gen.ddim gen.ddim_ode gen.ddim_consistency gen.ddim_interpolation
Idea     x_s = sqrt(alpha_bar_s) x_0 + sqrt(1 - alpha_bar_s - sigma^2) noise_t + sigma z,  s < t any two times    (1)
         x_0 and noise_t as predicted from x_t;  sigma^2 = eta^2 variance of q(x_s | x_t, x_0)                    (2)
         eta = 1 is DDPM; eta = 0 a function of x_T: Euler's method for d(x / a) = predict d(b / a), where
         a^2 = alpha_bar, b^2 = 1 - alpha_bar; so x_T says what x_0 shows, whatever the number of steps           (3)
Erratum  the Deep-learning cookbook calls the noise from which sampling starts x_0: it is x_T.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Key
from jaxicon.ops.diffusion import Schedule, denoise, posterior_variance

Predict = Callable[[Float[Array, "b *d"], Int[Array, "b"]], Float[Array, "b *d"]]  # (x_t, t) -> the noise in x_t


def step(
    z: Float[Array, "*d"],
    alpha_bar: Schedule,
    s: Int[Array, ""] | int,
    t: Int[Array, ""] | int,
    x: Float[Array, "*d"],
    noise: Float[Array, "*d"],
    eta: float,
) -> Float[Array, "*d"]:
    """x_s from x_t and the noise predicted in it (1), (2)."""
    x0 = denoise(alpha_bar, t, x, noise)
    variance = eta**2 * posterior_variance(alpha_bar, s, t)
    rest = jnp.sqrt(1 - alpha_bar[s] - variance)
    return jnp.sqrt(alpha_bar[s]) * x0 + rest * noise + jnp.sqrt(variance) * z


def ddim(
    key: Key,
    predict: Predict,
    alpha_bar: Schedule,
    times: Int[Array, "n"],
    x: Float[Array, "b *d"],
    eta: float = 0.0,
) -> Float[Array, "b *d"]:
    """x_0 from x = x_T by a call of the network at each of the times but 0, from the last, T; times[0] = 0.

    ops/diffusion.spread makes such times. With eta = 0 the key changes nothing.
    """

    def body(x, pair):
        s, t = pair
        z = jax.random.normal(jax.random.fold_in(key, t), x.shape)
        return step(z, alpha_bar, s, t, x, predict(x, jnp.full(x.shape[:1], t)), eta), None

    return jax.lax.scan(body, x, (times[:-1], times[1:]), reverse=True)[0]


def slerp(x: Float[Array, "*d"], y: Float[Array, "*d"], share: Float[Array, ""] | float) -> Float[Array, "*d"]:
    """From x (share 0) to y (share 1) along the arc: between two Gaussian vectors as long as both, as any x_T is."""
    angle = jnp.arccos((x * y).sum() / jnp.sqrt((x**2).sum() * (y**2).sum()))
    return (jnp.sin((1 - share) * angle) * x + jnp.sin(share * angle) * y) / jnp.sin(angle)
