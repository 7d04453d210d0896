"""Elastic net: linear regression under an L1 and an L2 penalty, by accelerated proximal gradient; L2 = 0 is the lasso.

Notes    RL & DL notebook U3 Regularization
Paper    Zou & Hastie 2005, JRSS B 67; Beck & Teboulle 2009, SIAM J. Imaging Sciences 2, for FISTA; O'Donoghue &
         Candes 2015, arXiv:1204.3982, for the restarts
Systems  reg.l1 reg.elastic_net
Idea     minimise  J(w, b) = |y - X w - b|^2 / (2 n) + l1 |w|_1 + l2 |w|_2^2                                     (1)
         argmin_u |u - v|^2 / 2 + threshold |u|_1 = S(v, threshold) = sign(v) max(|v| - threshold, 0)            (2)
         w_k = S(v - g(v) / L, l1 / L),  g the gradient of J without l1 |w|_1, L its Lipschitz constant          (3)
         m_k+1 = (1 + sqrt(1 + 4 m_k^2)) / 2,  v = w_k + (m_k - 1) / m_k+1 (w_k - w_k-1)                         (4)
         S makes zeros that are exact. The intercept b is not penalised: b = mean(y - X w).                      (5)
         In scikit-learn's terms l1 = alpha l1_ratio and l2 = alpha (1 - l1_ratio) / 2.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import ranked, within
from jaxicon.core.method import Key, Metrics, Predictor
from jaxicon.ops.linalg import eigh

Examples = tuple[Float[Array, "n d"], Float[Array, "n"]]


@dataclass(frozen=True)
class Config:
    l1: float = 0.1
    l2: float = 0.05


class State(NamedTuple):
    weights: Float[Array, "d"]
    bias: Float[Array, ""]
    ahead: Float[Array, "d"]  # v: where the next gradient is taken
    momentum: Float[Array, ""]  # m_k
    curvature: Float[Array, ""]  # the largest eigenvalue of the covariance of x


def soft_threshold(v: Float[Array, "*d"], threshold: float | Float[Array, ""]) -> Float[Array, "*d"]:
    """(2): every entry moved towards 0 by `threshold`, and to 0 where it is no farther away."""
    return jnp.sign(v) * jnp.maximum(jnp.abs(v) - threshold, 0)


def centred(batch: Examples) -> Examples:
    x, y = batch
    return x - x.mean(0, keepdims=True), y - y.mean()


def objective(
    config: Config, weights: Float[Array, "d"], bias: Float[Array, ""], x: Float[Array, "n d"], y: Float[Array, "n"]
) -> Float[Array, ""]:
    """J (1)."""
    fit = ((y - x @ weights - bias) ** 2).mean() / 2
    return fit + config.l1 * jnp.abs(weights).sum() + config.l2 * (weights**2).sum()


def slope(config: Config, v: Float[Array, "d"], x: Float[Array, "n d"], y: Float[Array, "n"]) -> Float[Array, "d"]:
    """g(v), for centred x and y, where the best intercept is 0."""
    return x.T @ (x @ v - y) / x.shape[0] + 2 * config.l2 * v


def elastic_net(config: Config) -> Predictor:
    """A predictor of y [n] from x [n, d]; every batch is (x, y), the same whole data set.

    Metrics: `objective` J, `r2` (the share of the variance of y that is explained) and `nonzero`, a number of weights.
    """
    within("elastic_net", 0, float("inf"), l1=config.l1, l2=config.l2)

    def init(key: Key, batch: Examples) -> State:
        ranked("elastic_net", 2, x=batch[0])
        ranked("elastic_net", 1, y=batch[1])
        x, _ = centred(batch)
        zero, number = jnp.zeros(x.shape[1], x.dtype), jnp.ones((), x.dtype)
        curvature = jnp.maximum(eigh(x.T @ x / x.shape[0])[0][-1], jnp.finfo(x.dtype).eps)
        return State(zero, batch[1].mean(), zero, number, curvature)

    def step(key: Key, state: State, batch: Examples) -> tuple[State, Metrics]:
        x, y = centred(batch)
        scale = state.curvature + 2 * config.l2
        before, gradient = state.weights, slope(config, state.ahead, x, y)
        weights = soft_threshold(state.ahead - gradient / scale, config.l1 / scale)  # (3)
        uphill = jnp.vdot(state.ahead - weights, weights - before) > 0  # then the momentum starts anew
        grown = jnp.where(uphill, 1, (1 + jnp.sqrt(1 + 4 * state.momentum**2)) / 2)
        ahead = weights + jnp.where(uphill, 0, (state.momentum - 1) / grown) * (weights - before)  # (4)
        bias = batch[1].mean() - batch[0].mean(0) @ weights  # (5)
        state = State(weights, bias, ahead, grown, state.curvature)
        return state, evaluate(key, state, batch)

    def evaluate(key: Key, state: State, batch: Examples) -> Metrics:
        x, y = batch
        unexplained = ((y - predict(state, x)) ** 2).mean() / y.var()
        nonzero = (state.weights != 0).sum(dtype=x.dtype)
        value = objective(config, state.weights, state.bias, x, y)
        return {"objective": value, "r2": 1 - unexplained, "nonzero": nonzero}

    def predict(state: State, x: Float[Array, "n d"]) -> Float[Array, "n"]:
        return x @ state.weights + state.bias

    return Predictor(init, step, evaluate, predict)
