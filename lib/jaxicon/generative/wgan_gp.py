"""Wasserstein GAN with gradient penalty: a critic of slope one measures how far mass must be moved.

Notes    CS182 §8.6.5.1, §8.6.5.3
Paper    Gulrajani et al. 2017, arXiv:1704.00028
Systems  gen.wgan_gp gen.gan_gradient_failure
Idea     W(p, q) = max  E_x f(x) - E_z f(G(z))  over critics f of slope at most one; G descends -E_z f(G(z))   (1)
         the critic descends  E_z f(G(z)) - E_x f(x) + lambda E_y (|grad f(y)| - 1)^2                          (2)
         y = G(z) + u (x - G(z)), u ~ U(0, 1), in the paper; y = x in CS182: `site` chooses                    (3)
"""

from dataclasses import dataclass

import jax
import optax
from jaxtyping import Array, Float

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Generator, Key, Metrics
from jaxicon.generative import gan as base


@dataclass(frozen=True)
class Config(base.Config):
    critic_steps: int = 5
    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    penalty: float = 10.0  # lambda
    site: str = "interpolates"  # where the slope is held at one; or "data"


def interpolate(key: Key, real: Float[Array, "b d"], fake: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """(3): a point between each pair."""
    return fake + jax.random.uniform(key, (real.shape[0], 1), real.dtype) * (real - fake)


def slopes(critic: base.Critic, points: Float[Array, "b d"]) -> Float[Array, "b"]:
    """|grad f| at every point; its own derivative is zero, not NaN, where the slope is zero."""
    return optax.safe_norm(jax.grad(lambda x: critic(x).sum())(points), 0.0, axis=-1)


def gradient_penalty(slope: Float[Array, "b"]) -> Float[Array, ""]:
    return ((slope - 1) ** 2).mean()


def wasserstein(fake: Float[Array, "n"]) -> Float[Array, ""]:
    """The generator's loss (1): the same gradient in the critic's value however well the two can be told apart."""
    return -fake.mean()


def critic_loss(
    critic: base.Critic,
    real: Float[Array, "b d"],
    fake: Float[Array, "b d"],
    points: Float[Array, "b d"],
    weight: float,
) -> tuple[Float[Array, ""], Metrics]:
    """(2), with lambda = weight and the slope held at `points`; metrics: estimate of W(p, q), mean slope."""
    gap, slope = critic(real).mean() - critic(fake).mean(), slopes(critic, points)
    return weight * gradient_penalty(slope) - gap, {"gap": gap, "slope": slope.mean()}


def wgan_gp(config: Config) -> Generator:
    """A generator of vectors like x [critic_steps * b, d]; raises ConfigError for an unknown site."""
    if config.site not in ("interpolates", "data"):
        raise ConfigError(f"wgan_gp: site is {config.site!r}; expected 'interpolates' or 'data'")

    def loss(key: Key, critic: base.Critic, real: Float[Array, "b d"], fake: Float[Array, "b d"]):
        points = interpolate(key, real, fake) if config.site == "interpolates" else real
        return critic_loss(critic, real, fake, points, config.penalty)

    return base.game(config, loss, wasserstein)
