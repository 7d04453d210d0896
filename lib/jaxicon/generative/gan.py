"""Generative adversarial network: a generator and a discriminator, each descending its own loss.

Notes    CS182 §8.6.1-3, Algorithm 26; 6.S191 lecture 4; Deep-learning cookbook, GAN; RL & DL notebook U4
Paper    Goodfellow et al. 2014, arXiv:1406.2661
Systems  gen.gan_minimax gen.gan_nonsaturating gen.gan_optimal_d
Idea     min_G max_D  V(D, G) = E_x log D(x) + E_z log(1 - D(G(z)))                                      (1)
         max_D V at D* = p / (p + q), q the density of G(z):  V(D*, G) = 2 JSD(p, q) - log 4             (2)
         the generator descends -log D(G(z)) instead: same fixed point, a gradient also where D wins     (3)
Erratum  CS182 §8.6.3 concludes V(D*, G) = JSD; the two KL terms sum to 2 JSD - log 4.
         the Deep-learning cookbook draws z from p_x; it comes from the prior p_z.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Generator, Key, Metrics
from jaxicon.nn import mlp as nn

Critic = Callable[[Float[Array, "b d"]], Float[Array, "b"]]


@dataclass(frozen=True)
class Config:
    latent: int = 8
    hidden: tuple[int, ...] = (64, 64)  # of both players
    critic_steps: int = 1  # per step of the generator, each on its own part of the batch
    learning_rate: float = 1e-3
    beta1: float = 0.5  # of Adam
    beta2: float = 0.999
    decay_steps: int = 0  # steps of the generator in which the learning rates fall linearly to zero; 0: they do not


class State(NamedTuple):
    generator: Any
    critic: Any
    generator_opt: optax.OptState
    critic_opt: optax.OptState


def value(real: Float[Array, "n"], fake: Float[Array, "m"]) -> Float[Array, ""]:
    """V(D, G) from the logits of D (1); -log 4 where D = 1/2."""
    return jax.nn.log_sigmoid(real).mean() + jax.nn.log_sigmoid(-fake).mean()


def optimal_discriminator(p: Float[Array, "..."], q: Float[Array, "..."]) -> Float[Array, "..."]:
    """D*(x) from the densities of data and generator at x (2)."""
    return p / (p + q)


def saturating(fake: Float[Array, "n"]) -> Float[Array, ""]:
    """The generator's part of V, to be minimised: its gradient in a logit is -D, nothing where D wins."""
    return jax.nn.log_sigmoid(-fake).mean()


def non_saturating(fake: Float[Array, "n"]) -> Float[Array, ""]:
    """(3): its gradient in a logit is D - 1."""
    return -jax.nn.log_sigmoid(fake).mean()


def judge(params, x: Float[Array, "b d"]) -> Float[Array, "b"]:
    """The critic's value: for a discriminator, the logit of D(x)."""
    return nn.forward(params, x)[:, 0]


def adam(config: Config, decay_steps: int) -> optax.GradientTransformation:
    rate = optax.linear_schedule(config.learning_rate, 0.0, decay_steps) if decay_steps else config.learning_rate
    return optax.adam(rate, config.beta1, config.beta2)


def game(
    config: Config,
    critic_loss: Callable[[Key, Critic, Float[Array, "b d"], Float[Array, "b d"]], tuple[Array, Metrics]],
    generator_loss: Callable[[Float[Array, "b"]], Array],
) -> Generator:
    """Two players who descend in turn: critic_loss(key, critic, real, fake) and generator_loss(critic(fake)).

    Batches x [critic_steps * b, d] are cut into the critic's minibatches.
    """
    optimizer = adam(config, config.decay_steps)
    critic_optimizer = adam(config, config.decay_steps * config.critic_steps)

    def init(key: Key, x: Float[Array, "b d"]) -> State:
        generator_key, critic_key = jax.random.split(key)
        generator = nn.mlp(*config.hidden, x.shape[-1]).init(generator_key, jnp.zeros((1, config.latent)))
        critic = nn.mlp(*config.hidden, 1).init(critic_key, x)
        return State(generator, critic, optimizer.init(generator), critic_optimizer.init(critic))

    def sample(key: Key, state: State, count: int) -> Float[Array, "n d"]:
        return nn.forward(state.generator, jax.random.normal(key, (count, config.latent)))

    def criticise(key: Key, state: State, x: Float[Array, "b d"]):
        """(gradient in the critic's parameters, metrics)"""
        latent_key, loss_key = jax.random.split(key)
        fake = sample(latent_key, state, x.shape[0])
        loss = lambda params: critic_loss(loss_key, partial(judge, params), x, fake)
        return jax.grad(loss, has_aux=True)(state.critic)

    def critic_step(key: Key, state: State, x: Float[Array, "b d"]) -> tuple[State, Metrics]:
        grads, metrics = criticise(key, state, x)
        updates, opt = critic_optimizer.update(grads, state.critic_opt)
        return state._replace(critic=optax.apply_updates(state.critic, updates), critic_opt=opt), metrics

    def fool(key: Key, state: State, count: int):
        """(loss, gradient) of the generator's parameters."""
        loss = lambda params: generator_loss(judge(state.critic, sample(key, state._replace(generator=params), count)))
        return jax.value_and_grad(loss)(state.generator)

    def step(key: Key, state: State, x: Float[Array, "b d"]) -> tuple[State, Metrics]:
        if x.shape[0] % config.critic_steps:
            raise ConfigError(f"gan: a batch of {x.shape[0]} cannot be cut into {config.critic_steps} critic steps")
        parts = jnp.arange(config.critic_steps), x.reshape(config.critic_steps, -1, x.shape[-1])
        turn = lambda state, part: critic_step(jax.random.fold_in(key, part[0]), state, part[1])
        state, metrics = jax.lax.scan(turn, state, parts)
        loss, grads = fool(jax.random.fold_in(key, config.critic_steps), state, parts[1].shape[1])
        updates, opt = optimizer.update(grads, state.generator_opt)
        state = state._replace(generator=optax.apply_updates(state.generator, updates), generator_opt=opt)
        return state, {"generator_loss": loss, **jax.tree.map(lambda x: x[-1], metrics)}

    def evaluate(key: Key, state: State, x: Float[Array, "b d"]) -> Metrics:
        generator_key, critic_key = jax.random.split(key)
        metrics = criticise(critic_key, state, x)[1]
        return {"generator_loss": fool(generator_key, state, x.shape[0])[0], **metrics}

    return Generator(init, step, evaluate, sample)


def gan(config: Config) -> Generator:
    """A generator of vectors like x [b, d], by (1) and (3); the metric `value` is V, -log 4 when D can tell nothing."""

    def critic_loss(key: Key, critic: Critic, real: Float[Array, "b d"], fake: Float[Array, "b d"]):
        v = value(critic(real), critic(fake))
        return -v, {"value": v}

    return game(config, critic_loss, non_saturating)
