"""RealNVP: a density by affine coupling layers that alternate between the halves of the vector.

Notes    CS182 §8.5.3; Deep-learning cookbook, Coupling Layers
Paper    Dinh, Sohl-Dickstein & Bengio 2017, arXiv:1605.08803
Systems  gen.realnvp
Idea     x = f_n(... f_1(z)),  z ~ N(0, I),  each f_i a coupling of ops/bijectors with s and t by a network      (1)
         maximise  log p(x) = log N(f^-1(x); 0, I) - sum_i sum s_i:  exact, and so is a sample, f of noise       (2)
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from jaxicon.core.errors import DataError
from jaxicon.core.method import Density, Fit, Key, from_loss
from jaxicon.nn import mlp as nn
from jaxicon.ops.bijectors import Bijector, affine_coupling, chain, log_density, stack, swap


@dataclass(frozen=True)
class Config:
    layers: int = 8
    hidden: tuple[int, ...] = (64, 64)  # of the network in each coupling
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2  # times the learning rate; without it s grows, and a few points far out may cost all
    decay_steps: int = 0  # steps in which the learning rate falls to zero along a cosine; 0: it does not


def coupling(params) -> Bijector:
    """One layer of (1): s is bounded by a learned scale times tanh, as in the paper."""

    def conditioner(a: Float[Array, "a"]) -> tuple[Float[Array, "b"], Float[Array, "b"]]:
        s, t = jnp.split(nn.forward(params["network"], a, jax.nn.silu), 2)
        return params["scale"] * jnp.tanh(s), t

    return chain(affine_coupling(conditioner), swap)


def flow(params) -> Bijector:
    """(1): z -> x; params are those of the couplings, stacked."""
    return stack(coupling, params)


def gaussian(z: Float[Array, "d"]) -> Float[Array, ""]:
    """log N(z; 0, I)."""
    return norm.logpdf(z).sum()


def realnvp(config: Config) -> Density:
    """A density of vectors x [b, d] with d >= 2, in nats; raises DataError for d = 1."""

    def init(key: Key, x: Float[Array, "b d"]):
        changed = x.shape[-1] - x.shape[-1] // 2
        if x.shape[-1] < 2:
            raise DataError(f"realnvp: vectors of length {x.shape[-1]}; a coupling needs two parts, so at least 2")
        network = nn.mlp(
            *config.hidden, 2 * changed, last_weights=jax.nn.initializers.zeros
        )  # f begins as a permutation
        one = lambda key: {"network": network.init(key, x[0, : x.shape[-1] // 2]), "scale": jnp.ones(changed)}
        return jax.vmap(one)(jax.random.split(key, config.layers))

    def loss(key: Key, params, x: Float[Array, "b d"]):
        value = jax.vmap(lambda x: log_density(flow(params), gaussian, x))(x).mean()  # (2)
        return -value, {"log_likelihood": value}

    def log_prob(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b"]:
        return jax.vmap(lambda x: log_density(flow(state.params), gaussian, x))(x)

    def sample(key: Key, state: Fit, count: int) -> Float[Array, "n d"]:
        size = state.params["scale"].shape[-1] + state.params["network"]["params"]["Dense_0"]["kernel"].shape[-2]
        return jax.vmap(lambda z: flow(state.params).forward(z)[0])(jax.random.normal(key, (count, size)))

    rate = config.learning_rate
    if config.decay_steps:
        rate = optax.cosine_decay_schedule(rate, config.decay_steps)
    return Density(*from_loss(init, loss, optax.adamw(rate, weight_decay=config.weight_decay)), log_prob, sample)
