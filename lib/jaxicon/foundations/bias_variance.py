"""Bias and variance of a learner, estimated by fitting it to many data sets at once.

Notes    CS182 §2.2
Paper    Geman, Bienenstock & Doursat 1992, Neural Computation 4
Systems  found.bias_variance
Idea     E |f_D - f|^2 = E |f_D - E f_D|^2 + |E f_D - f|^2: error = variance + bias^2, D the data set            (1)
         The cross term 2 E <f_D - E f_D, E f_D - f> is left out: its second factor does not depend on D, and
         the expectation of the first is 0.                                                                      (2)
         m' = m + k (a - m) / (n + k),  s' = s + c + n k (a - m)^2 / (n + k): the mean m of n predictions and
         the sum s of their squared deviations, with k more of mean a and squared deviations c                   (3)
Erratum  CS182 §2.2 drops the cross term of the square without a word; it is zero by (2), not term by term.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive
from jaxicon.core.method import Key, Learner, Metrics
from jaxicon.foundations.ridge import polynomial, ridge
from jaxicon.nn.mlp import mlp

Sample = Callable[[Key], Any]  # key -> a data set
Fit = Callable[[Key, Any], Float[Array, "*m"]]  # (key, data set) -> predictions at points that never change
Points = tuple[Float[Array, "n"], Float[Array, "n"]]  # a data set (x, y) of one input and one output


@dataclass(frozen=True)
class Config:
    count: int = 40  # data sets drawn and fitted in a step: as many as a processor's cache holds


class State(NamedTuple):
    count: Float[Array, ""]  # data sets so far
    mean: Float[Array, "*m"]  # of their predictions
    deviations: Float[Array, "*m"]  # sum of (prediction - mean)^2
    errors: Float[Array, "*m"]  # sum of (prediction - f)^2


def polynomial_ridge(points: Float[Array, "m"], degree: int, penalty: float) -> Fit:
    """A polynomial with penalised coefficients, those of Legendre's, read at `points` in [-1, 1]."""
    at = polynomial(points, degree)
    return lambda key, data: at @ ridge(polynomial(data[0], degree), data[1], penalty)


def tanh_network(points: Float[Array, "m"], hidden: tuple[int, ...], learning_rate: float, steps: int) -> Fit:
    """A tanh network after `steps` of Adam on the whole data set, read at `points`; its start is random too."""
    net, optimizer = mlp(*hidden, 1, activation=jnp.tanh), optax.adam(learning_rate)

    def fit(key: Key, data: Points) -> Float[Array, "m"]:
        x, y = data
        params = net.init(key, x[:, None])
        loss = lambda params: ((net.apply(params, x[:, None])[:, 0] - y) ** 2).mean()

        def descend(_, carry):
            params, opt_state = carry
            updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state, params)
            return optax.apply_updates(params, updates), opt_state

        params, _ = jax.lax.fori_loop(0, steps, descend, (params, optimizer.init(params)))
        return net.apply(params, points[:, None])[:, 0]

    return fit


def resample(key: Key, sample: Sample, fit: Fit, count: int) -> Float[Array, "count *m"]:
    """Predictions of `count` fits, each to a data set of its own."""

    def one(key: Key) -> Float[Array, "*m"]:
        sample_key, fit_key = jax.random.split(key)
        return fit(fit_key, sample(sample_key))

    return jax.vmap(one)(jax.random.split(key, count))


def decomposition(state: State, truth: Float[Array, "*m"]) -> Metrics:
    """`bias2`, `variance` and `error` of (1), each [*m]; the third is their sum but for rounding."""
    drawn = jnp.maximum(state.count, 1)
    return {
        "bias2": (state.mean - truth) ** 2,
        "variance": state.deviations / drawn,
        "error": state.errors / drawn,
    }


def bias_variance(config: Config, sample: Sample, fit: Fit, truth: Float[Array, "*m"]) -> Learner:
    """The parts of the error (1) of fit(key, sample(key)), whose predictions are compared with `truth`, f there.

    A step draws config.count data sets; no batches. Metrics: means of the parts over the points.
    """
    positive("bias_variance", count=config.count)

    def init(key: Key, batch: None) -> State:
        zero = jnp.zeros(truth.shape)
        return State(jnp.zeros(()), zero, zero, zero)

    def step(key: Key, state: State, batch: None) -> tuple[State, Metrics]:
        predictions = resample(key, sample, fit, config.count)
        mean = predictions.mean(0)
        spread, error = (((predictions - centre[None]) ** 2).sum(0) for centre in (mean, truth))
        n, k = state.count, config.count
        between = n * k / (n + k) * (mean - state.mean) ** 2
        state = State(
            n + k,
            state.mean + k / (n + k) * (mean - state.mean),
            state.deviations + spread + between,
            state.errors + error,
        )  # (3)
        return state, evaluate(key, state, batch)

    def evaluate(key: Key, state: State, batch: None) -> Metrics:
        parts = {name: part.mean() for name, part in decomposition(state, truth).items()}
        return parts | {"gap": jnp.abs(parts["error"] - parts["variance"] - parts["bias2"])}

    return Learner(init, step, evaluate)
