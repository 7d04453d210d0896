"""Restricted Boltzmann machine: binary visible and hidden units, connected only with each other.

The negative phase of `rbm` starts at the data (contrastive divergence), that of `persistent_rbm` where the last one
ended (stochastic maximum likelihood). Visible vectors are zeros and ones; grey values are drawn first, as
probabilities of a one, for hidden units that see the probabilities themselves learn worse features.

Notes    RL & DL notebook U3, inside its deep belief network
Paper    Hinton 2002, Neural Computation 14; Tieleman 2008 for persistent chains; Salakhutdinov & Murray 2008 for (5)
Systems  found.rbm
Idea     E(v, h) = -a.v - b.h - v^T W h,   p(v, h) = exp(-E(v, h)) / Z                                       (1)
         p(h_j = 1 | v) = sigmoid(b + v W)_j,   p(v_i = 1 | h) = sigmoid(a + W h)_i                          (2)
         F(v) = -log sum_h exp(-E(v, h)) = -a.v - sum_j log(1 + exp(b + v W)_j),   log p(v) = -F(v) - log Z  (3)
         d log p(v) / dW = v p(h | v)^T - E_v' v' p(h | v')^T;  v' comes from k Gibbs steps, not from p      (4)
         log Z by annealing from independent units, p_0, to p: the mean of exp(sum_k log p*_k / p*_k-1)      (5)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import log_sigmoid, sigmoid, softplus
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Generator, Key, Metrics
from jaxicon.ops.bulk import uniform
from jaxicon.ops.distributions import mixture


@dataclass(frozen=True)
class Config:
    hidden: int = 256
    gibbs_steps: int = 1  # k, of the negative phase
    learning_rate: float = 0.1
    momentum: float = 0.5
    weight_decay: float = 2e-4  # of the weights, not of the biases
    sweeps: int = 1000  # Gibbs steps from noise to a sample


class Params(NamedTuple):
    weights: Float[Array, "v h"]
    visible_bias: Float[Array, "v"]
    hidden_bias: Float[Array, "h"]


class State(NamedTuple):
    params: Params
    velocity: Params
    chains: Float[Array, "b v"]  # where the last negative phase ended


def energy(params: Params, v: Float[Array, "b v"], h: Float[Array, "b h"]) -> Float[Array, "b"]:
    """(1)"""
    return -v @ params.visible_bias - h @ params.hidden_bias - ((v @ params.weights) * h).sum(-1)


def hidden_input(params: Params, v: Float[Array, "b v"]) -> Float[Array, "b h"]:
    """b + v W: the log odds of the hidden units (2)."""
    return v @ params.weights + params.hidden_bias[None]


def visible_input(params: Params, h: Float[Array, "b h"]) -> Float[Array, "b v"]:
    """a + W h: the log odds of the visible units (2)."""
    return h @ params.weights.T + params.visible_bias[None]


def free_energy(params: Params, v: Float[Array, "b v"]) -> Float[Array, "b"]:
    """(3), in nats."""
    return -v @ params.visible_bias - softplus(hidden_input(params, v)).sum(-1)


def sweep(uniforms: Float[Array, "n"], params: Params, v: Float[Array, "b v"]) -> Float[Array, "b v"]:
    """One block Gibbs step, all hidden units given v, then all visible ones; b h + b v uniforms decide, by rows."""
    hidden, visible = jnp.split(uniforms, [v.shape[0] * params.hidden_bias.shape[0]])
    h = (hidden.reshape(v.shape[0], -1) < sigmoid(hidden_input(params, v))).astype(v.dtype)
    return (visible.reshape(v.shape) < sigmoid(visible_input(params, h))).astype(v.dtype)


def gibbs(key: Key, params: Params, v: Float[Array, "b v"], steps: int) -> Float[Array, "b v"]:
    """Where chains that start at v are after so many steps; step i draws with fold_in(key, i)."""
    shape = (v.shape[0] * sum(params.weights.shape),)
    body = lambda i, v: sweep(uniform(jax.random.fold_in(key, i), shape, 0.0, 1.0), params, v)
    return jax.lax.fori_loop(0, steps, body, v)


def moments(params: Params, v: Float[Array, "b v"], p: Float[Array, "b"]) -> Params:
    """Sums over the rows of p v p(h | v)^T, p v and p p(h | v): the derivative of -sum p F(v)."""
    h = sigmoid(hidden_input(params, v)) * p[:, None]
    return Params(v.T @ h, p @ v, h.sum(0))


def mean_moments(params: Params, v: Float[Array, "b v"]) -> Params:
    return moments(params, v, jnp.full(v.shape[0], 1 / v.shape[0], v.dtype))


def pseudo_likelihood(params: Params, v: Float[Array, "b v"]) -> Float[Array, "b"]:
    """sum_i log p(v_i | all other v), exact, in nats; v is binary."""

    inputs = hidden_input(params, v)

    def one(unit):
        v, weights, bias = unit
        change = 1 - 2 * v  # the other value, less this one
        flipped = softplus(inputs + change[:, None] * weights[None])
        return log_sigmoid((softplus(inputs) - flipped).sum(1) - change * bias)

    return jax.lax.map(one, (v.T, params.weights, params.visible_bias)).sum(0)


def vertices(size: int) -> Float[Array, "n v"]:
    """All 2^size binary vectors; raises ConfigError for a size above 20."""
    if size > 20:
        raise ConfigError(f"rbm: the states of {size} units are too many to be enumerated; expected at most 20 units")
    return (jnp.arange(2**size)[:, None] >> jnp.arange(size)[None] & 1).astype(float)


def log_partition(params: Params) -> Float[Array, ""]:
    """log Z by enumeration of the smaller layer, of at most 20 units."""
    turned = Params(params.weights.T, params.hidden_bias, params.visible_bias)
    small = min(params, turned, key=lambda machine: machine.visible_bias.shape[0])
    return logsumexp(-free_energy(small, vertices(small.visible_bias.shape[0])))


def log_likelihood_gradient(params: Params, v: Float[Array, "b v"]) -> Params:
    """(4) of the mean over v, exact: by enumeration of the visible layer, of at most 20 units."""
    every = vertices(v.shape[1])
    model = moments(params, every, jax.nn.softmax(-free_energy(params, every)))
    return jax.tree.map(jnp.subtract, mean_moments(params, v), model)


def annealed(params: Params, rates: Float[Array, "v"], beta: Float[Array, ""]) -> Params:
    """p_beta: energies mixed, of independent visible units with p_0(v_i = 1) = rates_i at 0, of `params` at 1."""
    bias = (1 - beta) * (jnp.log(rates) - jnp.log1p(-rates)) + beta * params.visible_bias
    return Params(beta * params.weights, bias, beta * params.hidden_bias)


def annealed_log_partition(
    key: Key, params: Params, rates: Float[Array, "v"], chains: int = 100, steps: int = 1000
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """log Z by (5) and the relative standard error of Z; rates in (0, 1), best near those of the data.

    beta rises by 1 / steps at a time. exp of the result is an unbiased estimate of Z.
    """
    start_key, chain_key = jax.random.split(key)

    def body(i, carry):
        v, log_weight = carry
        old, new = (annealed(params, rates, (i + k) / steps) for k in (0, 1))
        log_weight = log_weight + free_energy(old, v) - free_energy(new, v)
        return gibbs(jax.random.fold_in(chain_key, i), new, v, 1), log_weight

    start = (uniform(start_key, (chains, rates.shape[0]), 0.0, 1.0) < rates[None]).astype(rates.dtype)
    _, log_weight = jax.lax.fori_loop(0, steps, body, (start, jnp.zeros(chains, rates.dtype)))
    log_z0 = params.hidden_bias.shape[0] * jnp.log(2.0) - jnp.log1p(-rates).sum()
    weight = jnp.exp(log_weight - log_weight.max())
    return log_z0 + mixture(log_weight), weight.std() / weight.mean() / chains**0.5


def machine(config: Config, start: Callable[[State, Array], Array]) -> Generator:
    """A machine whose negative phase starts at start(state, v) [n v]."""
    positive("rbm", hidden=config.hidden, gibbs_steps=config.gibbs_steps, learning_rate=config.learning_rate)
    positive("rbm", sweeps=config.sweeps)
    within("rbm", 0, 1, momentum=config.momentum, weight_decay=config.weight_decay)

    def init(key: Key, v: Float[Array, "b v"]) -> State:
        ranked("rbm", 2, v=v)
        weights = 0.01 * jax.random.normal(key, (v.shape[1], config.hidden), v.dtype)
        params = Params(weights, jnp.zeros(v.shape[1], v.dtype), jnp.zeros(config.hidden, v.dtype))
        return State(params, jax.tree.map(jnp.zeros_like, params), jnp.asarray(v))

    def step(key: Key, state: State, v: Float[Array, "b v"]) -> tuple[State, Metrics]:
        params = state.params
        end = gibbs(key, params, start(state, v), config.gibbs_steps)
        slope = jax.tree.map(jnp.subtract, mean_moments(params, v), mean_moments(params, end))  # (4)
        slope = slope._replace(weights=slope.weights - config.weight_decay * params.weights)
        velocity = jax.tree.map(lambda u, g: config.momentum * u + config.learning_rate * g, state.velocity, slope)
        gap = jnp.abs(slope.visible_bias).mean()
        return State(jax.tree.map(jnp.add, params, velocity), velocity, end), {"visible_gap": gap}

    def evaluate(key: Key, state: State, v: Float[Array, "b v"]) -> Metrics:
        error = jnp.square(v - gibbs(key, state.params, v, 1)).mean()
        return {"pseudo_likelihood": pseudo_likelihood(state.params, v).mean(), "reconstruction_error": error}

    def sample(key: Key, state: State, count: int) -> Float[Array, "n v"]:
        """Binary vectors, each from the end of a chain of its own that started at noise."""
        noise_key, chain_key = jax.random.split(key)
        noise = jax.random.bernoulli(noise_key, 0.5, (count, state.chains.shape[1])).astype(state.chains.dtype)
        return gibbs(chain_key, state.params, noise, config.sweeps)

    return Generator(init, step, evaluate, sample)


def rbm(config: Config) -> Generator:
    """Contrastive divergence, CD-k, on v [b, v]; raises ConfigError for numbers out of range.

    The metric visible_gap is how far the means of the units are apart in the batch and at the ends of the chains.
    """
    return machine(config, lambda state, v: v)


def persistent_rbm(config: Config) -> Generator:
    """Stochastic maximum likelihood: the chains, as many as the first batch has rows, go on from step to step."""
    return machine(config, lambda state, v: state.chains)
