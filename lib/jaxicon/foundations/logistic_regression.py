"""Logistic regression: an affine map and a softmax, one minimum whatever the start.

Notes    CS182 §3.1; RL & DL notebook U3
Paper    Cox 1958, Journal of the Royal Statistical Society B 20
Systems  opt.logreg_convex
Idea     p(y | x) = softmax(x W + b);  with two classes one column suffices, the logits being (0, x w + b)   (1)
         L = -mean_i log p(y_i | x_i) + |W|^2 / (2 C n), convex                                              (2)
         H = mean_i (diag p_i - p_i p_i^T) (x) (x_i, 1)(x_i, 1)^T + diag(1 .. 1, 0) / (C n)                  (3)
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.method import Fit, Key, Predictor, from_loss
from jaxicon.nn.network import default_float
from jaxicon.ops.linalg import solve


@dataclass(frozen=True)
class Config:
    learning_rate: float = 0.1
    inverse_penalty: float = 1.0  # C, scikit-learn's
    start_scale: float = 1.0  # standard deviation of the weights at the start


class Params(NamedTuple):
    weights: Float[Array, "d k"]
    bias: Float[Array, "k"]


def scores(params: Params, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """Logits of c classes; the first of two is 0."""
    found = x @ params.weights + params.bias[None]
    return found if found.shape[1] > 1 else jnp.concatenate([jnp.zeros_like(found), found], axis=1)  # (1)


def objective(
    params: Params, x: Float[Array, "b d"], y: Int[Array, "b"], penalty: float | Float[Array, ""]
) -> Float[Array, ""]:
    """What scikit-learn minimises, divided by C n, with penalty = 1 / (C n); biases are free."""
    loss = optax.softmax_cross_entropy_with_integer_labels(scores(params, x), y).mean()
    return loss + penalty * (params.weights**2).sum() / 2  # (2)


def hessian(params: Params, x: Float[Array, "b d"], penalty: float | Float[Array, ""]) -> Float[Array, "m m"]:
    """Second derivatives of `objective`, m = (d + 1) k: rows of W, then b. Labels do not matter."""
    columns = params.weights.shape[1]
    p = jax.nn.softmax(scores(params, x))[:, -columns:]
    curvature = p[:, :, None] * jnp.eye(columns)[None] - p[:, :, None] * p[:, None, :]
    augmented = jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=1)
    mean = jnp.einsum("nkl,nd,ne->dkel", curvature, augmented, augmented) / len(x)
    size = columns * augmented.shape[1]
    shrunk = jnp.arange(size) < params.weights.size
    return mean.reshape(size, size) + penalty * jnp.diag(shrunk.astype(p.dtype))  # (3)


def newton_step(
    params: Params, x: Float[Array, "b d"], y: Int[Array, "b"], penalty: float | Float[Array, ""]
) -> Params:
    """One step of iteratively reweighted least squares, for two classes.

    With more, H is singular: the same number added to all biases changes nothing.
    """
    gradient = jax.grad(objective)(params, x, y, penalty)
    flat = lambda p: jnp.concatenate([p.weights, p.bias[None]]).ravel()
    after = flat(params) - solve(hessian(params, x, penalty), flat(gradient))
    return Params(after[:-1, None], after[-1:])


def logistic_regression(config: Config, classes: int, examples: int) -> Predictor:
    """A classifier of x [b, d] into `classes`, from `examples` training examples; batches are (x, y), y [b].

    Raises ConfigError for numbers that are not above 0, and for fewer than two classes.
    """
    positive("logistic_regression", learning_rate=config.learning_rate, inverse_penalty=config.inverse_penalty)
    positive("logistic_regression", start_scale=config.start_scale, examples=examples)
    within("logistic_regression", 2, math.inf, classes=classes)
    penalty = 1 / (config.inverse_penalty * examples)

    def init(key: Key, batch) -> Params:
        ranked("logistic_regression", 2, x=batch[0])
        ranked("logistic_regression", 1, y=batch[1])
        shape = batch[0].shape[1], classes if classes > 2 else 1
        weights = config.start_scale * jax.random.normal(key, shape, default_float())
        return Params(weights, jnp.zeros(shape[1], weights.dtype))

    def loss(key: Key, params: Params, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        x, y = batch
        value = objective(params, x, y, penalty)
        right = scores(params, x).argmax(-1) == y
        return value, {"objective": value, "accuracy": right.mean(dtype=value.dtype)}

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
        """Logits."""
        return scores(state.params, x)

    return Predictor(*from_loss(init, loss, optax.sgd(config.learning_rate)), predict)
