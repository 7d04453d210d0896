"""Variational autoencoder with a Gaussian posterior and a Bernoulli likelihood.

Notes    CS182 §8.3.4, §8.3.5.2, §8.4.1; 6.S191 lecture 4; Deep-learning cookbook, Variational Autoencoder
Paper    Kingma & Welling 2014, arXiv:1312.6114; Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519 for (3)
Systems  gen.vae gen.elbo gen.reparam
Idea     maximise  ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)) = log p(x) - KL(q(z|x) || p(z|x))      (1)
         over q(z|x) = N(mean(x), std(x)^2), by the gradient through  z = mean + std * noise             (2)
         log p(x) >= E log 1/k sum_i p(x|z_i) p(z_i) / q(z_i|x),  tight as k grows                       (3)
Erratum  CS182 §8.3.4, line 4 of the derivation: the entropy H(q) is missing, an ELBO stands in its place;
         the Deep-learning cookbook calls p(x|z) intractable, which it is not: p(x) and p(z|x) are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from jaxicon.core.method import Fit, Generator, Key, from_loss
from jaxicon.nn import mlp as nn
from jaxicon.ops.distributions import mixture
from jaxicon.ops.divergences import gaussian_kl

LogLikelihood = Callable[[Float[Array, "z"]], Float[Array, ""]]  # z -> log p(x|z)


@dataclass(frozen=True)
class Config:
    latent: int = 8
    hidden: tuple[int, ...] = (128, 128)  # of the encoder; the decoder's are the same in reverse
    learning_rate: float = 1e-3


def reparameterise(mean: Float[Array, "z"], log_std: Float[Array, "z"], noise: Float[Array, "z"]) -> Float[Array, "z"]:
    """(2): a sample of N(mean, std^2) as a differentiable function of both."""
    return mean + jnp.exp(log_std) * noise


def bound(
    noise: Float[Array, "z"], mean: Float[Array, "z"], log_std: Float[Array, "z"], log_likelihood: LogLikelihood
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(distortion, rate) in nats for one example and one z; -distortion - rate is the ELBO's unbiased estimate (1)."""
    return -log_likelihood(reparameterise(mean, log_std, noise)), gaussian_kl(mean, log_std)


def importance_weighted(
    noise: Float[Array, "k z"], mean: Float[Array, "z"], log_std: Float[Array, "z"], log_likelihood: LogLikelihood
) -> Float[Array, ""]:
    """(3) for one example."""

    def log_weight(noise):
        z = reparameterise(mean, log_std, noise)
        return log_likelihood(z) + (norm.logpdf(z) - norm.logpdf(z, mean, jnp.exp(log_std))).sum()

    return mixture(jax.vmap(log_weight)(noise))


def bernoulli(params, x: Float[Array, "d"]) -> LogLikelihood:
    """log p(x|z) of pixels in [0, 1].

    A grey value is the probability of a white pixel: the value is the mean over the binary images that it stands for,
    so that (1) and (3) are lower bounds on the mean of their log p. It never exceeds minus the entropy of the greys.
    """
    return lambda z: -optax.sigmoid_binary_cross_entropy(decode(params, z), x).sum()


def encode(params, x: Float[Array, "*b d"]) -> tuple[Float[Array, "*b z"], Float[Array, "*b z"]]:
    """(mean, log_std) of q(z|x)."""
    return tuple(jnp.split(nn.forward(params["encoder"], x), 2, axis=-1))


def decode(params, z: Float[Array, "*b z"]) -> Float[Array, "*b d"]:
    """Logits of the pixels."""
    return nn.forward(params["decoder"], z)


def reconstruct(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """Images decoded from the posterior's mean."""
    return jax.nn.sigmoid(decode(state.params, encode(state.params, x)[0]))


def log_likelihood(key: Key, state: Fit, x: Float[Array, "b d"], samples: int) -> Float[Array, "b"]:
    """(3) with k = samples, of every image; one image at a time, for the memory's sake."""

    def one(row):
        key, x, mean, log_std = row
        noise = jax.random.normal(jax.random.wrap_key_data(key), (samples, mean.shape[-1]))
        return importance_weighted(noise, mean, log_std, bernoulli(state.params, x))

    words = jax.random.key_data(jax.random.split(key, x.shape[0]))
    return jax.lax.map(one, (words, x, *encode(state.params, x)))


def vae(config: Config) -> Generator:
    """A generator of images x [b, d] with pixels in [0, 1]; samples are the pixels' means p(x_i = 1 | z), z ~ p(z)."""

    def init(key: Key, x: Float[Array, "b d"]):
        encoder_key, decoder_key = jax.random.split(key)
        encoder, decoder = nn.mlp(*config.hidden, 2 * config.latent), nn.mlp(*config.hidden[::-1], x.shape[-1])
        return {
            "encoder": encoder.init(encoder_key, x),
            "decoder": decoder.init(decoder_key, jnp.zeros((1, config.latent))),
        }

    def loss(key: Key, params, x: Float[Array, "b d"]):
        mean, log_std = encode(params, x)
        noise = jax.random.normal(key, mean.shape)
        one = lambda noise, mean, log_std, x: bound(noise, mean, log_std, bernoulli(params, x))
        distortion, rate = (part.mean() for part in jax.vmap(one)(noise, mean, log_std, x))
        return distortion + rate, {"elbo": -distortion - rate, "rate": rate, "distortion": distortion}

    def sample(key: Key, state: Fit, count: int) -> Float[Array, "n d"]:
        return jax.nn.sigmoid(decode(state.params, jax.random.normal(key, (count, config.latent))))

    return Generator(*from_loss(init, loss, optax.adam(config.learning_rate)), sample)
