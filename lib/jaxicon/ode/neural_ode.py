"""Neural ordinary differential equation: the input is an initial value, the layer is the flow that starts there.

Notes    Deep-learning cookbook, Neural Ordinary Differential Equations
Paper    Chen, Rubanova, Bettencourt & Duvenaud 2018, arXiv:1806.07366
Systems  ode.neural_ode ode.discretise_then_optimise ode.optimise_then_discretise ode.adjoint_memory
         ode.node_limit_minus_x ode.topology_figure
Idea     u(0) = x,  du/dt = f(t, u),  p(y | x) = softmax(W u(1) + b);  without classes u(1) is the prediction   (1)
         `through_steps`: the gradient of the solver's steps, which are kept (discretise, then optimise)        (2)
         `backwards_in_time`: a = dL/du(t) is solved together with u from 1 to 0 in constant memory,
         da/dt = -a df/du,  dL/dtheta = integral over [0, 1] of a df/dtheta  (optimise, then discretise)        (3)
         trajectories never cross, so that x -> u(1) keeps the order in 1-D: no flow comes near g(x) = -x
Erratum  the Deep-learning cookbook prints du/t for du/dt, and writes f(u, t) for what it calls time-invariant.
"""

from collections.abc import Callable
from dataclasses import dataclass

import diffrax
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Fit, Key, Predictor, from_loss
from jaxicon.nn import mlp as nn
from jaxicon.ode.dormand_prince import dormand_prince

through_steps = diffrax.RecursiveCheckpointAdjoint()  # (2); recomputes some of the steps rather than keep all
backwards_in_time = diffrax.BacksolveAdjoint()  # (3)


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of f, with tanh
    tolerance: float = 1e-3  # of a step's error, relative and absolute
    max_steps: int = 512  # of the solver; beyond them the prediction is not finite
    learning_rate: float = 1e-3
    decay_steps: int = 0  # steps in which the learning rate falls to zero along a cosine; 0: it does not


def with_time(t: Float[Array, ""], u: Float[Array, "*b d"]) -> Float[Array, "*b d+1"]:
    return jnp.concatenate([u, jnp.full_like(u[..., :1], t)], axis=-1)


def field(t: Float[Array, ""], u: Float[Array, "*b d"], params) -> Float[Array, "*b d"]:
    """f(t, u): a perceptron of `with_time`, in which the weights of t are a bias that moves."""
    layers = params["params"]
    kernel, bias = layers["Dense_0"]["kernel"], layers["Dense_0"]["bias"]
    first = {"kernel": kernel[:-1], "bias": bias + t * kernel[-1]}
    return nn.forward({"params": layers | {"Dense_0": first}}, u, jnp.tanh)


def integrator(config: Config, adjoint: diffrax.AbstractAdjoint = through_steps) -> Callable:
    """integrate(t0, t1, y0, params, ...) of `field`."""
    return dormand_prince(field, config.tolerance, config.max_steps, adjoint)


def flow(
    integrate: Callable, params, u: Float[Array, "*b d"], start: float = 0.0, end: float = 1.0
) -> tuple[Float[Array, "*b d"], Int[Array, ""]]:
    """u(end) with u(start) = u, and the number of the solver's steps, which all rows share."""
    solution = integrate(t0=start, t1=end, y0=u, args=params)
    return solution.ys[0], solution.stats["num_steps"]


def trajectory(
    integrate: Callable, params, u: Float[Array, "*b d"], times: Float[Array, "t"]
) -> Float[Array, "t *b d"]:
    """u at ascending times in [0, 1]."""
    return integrate(t0=0.0, t1=1.0, y0=u, args=params, saveat=diffrax.SaveAt(ts=times)).ys


def neural_ode(
    config: Config,
    classes: int | None = None,
    embed: Callable[[Array], Array] = lambda x: x,
    adjoint: diffrax.AbstractAdjoint = through_steps,
) -> Predictor:
    """A classifier of x [b, d], with y [b] in 0 .. classes - 1; or, without classes, a map of x to y [b, d].

    embed(x) is u(0); of a u wider than x the map shows the first d coordinates. Metric `steps`: the solver's, a solve.
    """
    integrate = integrator(config, adjoint)

    def init(key: Key, batch: tuple[Float[Array, "b d"], Array]):
        field_key, head_key = jax.random.split(key)
        u = embed(batch[0])
        f = nn.mlp(*config.hidden, u.shape[-1], activation=jnp.tanh)
        params = {"field": f.init(field_key, with_time(jnp.zeros(()), u))}
        return params if classes is None else params | {"head": nn.mlp(classes).init(head_key, u)}

    def output(params, x: Float[Array, "b d"]) -> tuple[Array, Int[Array, ""]]:
        u, steps = flow(integrate, params["field"], embed(x))
        return (u[:, : x.shape[-1]] if classes is None else nn.forward(params["head"], u)), steps

    def loss(key: Key, params, batch: tuple[Float[Array, "b d"], Array]):
        x, y = batch
        predicted, steps = output(params, x)
        metrics = {"steps": steps.astype(predicted.dtype)}
        if classes is None:
            value = ((predicted - y) ** 2).sum(-1).mean()
        else:
            value = optax.softmax_cross_entropy_with_integer_labels(predicted, y).mean()
            metrics["accuracy"] = (predicted.argmax(-1) == y).mean(dtype=predicted.dtype)
        return value, {"loss": value} | metrics

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b _"]:
        """Logits [b, classes], or u(1)."""
        return output(state.params, x)[0]

    decayed = lambda rate: optax.cosine_decay_schedule(rate, config.decay_steps) if config.decay_steps else rate
    return Predictor(*from_loss(init, loss, optax.adam(decayed(config.learning_rate))), predict)
