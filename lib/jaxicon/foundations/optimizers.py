"""A race of update rules: all rules times several learning rates from one start, on the same batches, in one program.

The rules themselves are in ops/optimizers.py, which claims all that see gradients only; Newton's method, which must be
handed the loss, is claimed here, where that is done.

Notes    CS182 §3.2, §3.3; RL & DL notebook U3, optimizers and variants
Paper    Schmidt, Schneider & Hennig 2021, arXiv:2007.01547 (on comparing optimizers, each at its own best rate)
Systems  opt.newton
Idea     w_{t+1} = w_t + update(g_t, s_t, w_t),  g_t = grad of the loss at w_t, for every rule and rate             (1)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

from jaxicon.core.checks import positive, ranked
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Learner
from jaxicon.nn.network import Network
from jaxicon.ops.optimizers import BY_GRADIENT


@dataclass(frozen=True)
class Config:
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)


class Problem(NamedTuple):
    """What is descended."""

    init: Callable  # (key, batch) -> params, where all start
    value: Callable  # (params, batch) -> scalar


class Race(NamedTuple):
    params: PyTree  # every leaf [rule, rate, ...]: one backward pass serves all
    opt_states: dict  # by rule, every leaf [rate, ...]


def quadratic(eigenvalues: tuple[float, ...]) -> Problem:
    """w^T A w / 2 with these eigenvalues, from a random point at distance 1 from 0 along every eigenvector.

    The eigenvectors are the columns of the reflection I - 2 v v^T / v^T v, v = (1, 2, .., n), none of them an axis.
    """
    positive("quadratic", **{f"eigenvalues[{i}]": x for i, x in enumerate(eigenvalues)})
    v = np.arange(1, len(eigenvalues) + 1)
    basis = np.eye(v.size) - 2 * np.outer(v, v) / (v @ v)

    def init(key: Key, batch: Any) -> Float[Array, "n"]:
        return basis @ jax.random.rademacher(key, v.shape, float)

    def value(w: Float[Array, "n"], batch: Any) -> Float[Array, ""]:
        return jnp.asarray(eigenvalues, w.dtype) @ (basis @ w) ** 2 / 2

    return Problem(init, value)


def rosenbrock() -> Problem:
    """(1 - x)^2 + 100 (y - x^2)^2, a bent valley whose floor falls to (1, 1); from near (-1.2, 1)."""

    def value(w: Float[Array, "2"], batch: Any) -> Float[Array, ""]:
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2

    return Problem(lambda key, batch: jnp.array([-1.2, 1.0]) + 0.05 * jax.random.normal(key, (2,)), value)


def saddle() -> Problem:
    """x^2 - y^2 + y^4 / 4: a saddle at 0, minima of -1 at (0, +-sqrt 2); from (1, y) with y near 1e-4 N(0, 1)."""

    def value(w: Float[Array, "2"], batch: Any) -> Float[Array, ""]:
        return w[0] ** 2 - w[1] ** 2 + w[1] ** 4 / 4

    return Problem(lambda key, batch: jnp.array([1.0, 0.0]).at[1].set(1e-4 * jax.random.normal(key)), value)


def classification(net: Network) -> Problem:
    """Mean cross-entropy of a network's logits; batches are (x [b, d], y [b])."""

    def init(key: Key, batch: Any) -> PyTree:
        ranked("classification", 2, x=batch[0])
        return net.init(key, batch[0])

    def value(params: PyTree, batch: Any) -> Float[Array, ""]:
        return optax.softmax_cross_entropy_with_integer_labels(net.apply(params, batch[0]), batch[1]).mean()

    return Problem(init, value)


def trajectory(
    rule: optax.GradientTransformation, value: Callable, start: PyTree, steps: int
) -> tuple[PyTree, Float[Array, "t"]]:
    """Parameters and values before each of the steps 0 .. steps of one rule, leading axis steps + 1."""
    rule = optax.with_extra_args_support(rule)

    def step(carry, _):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(value)(params)
        updates, opt_state = rule.update(grads, opt_state, params, value_fn=value)
        return (optax.apply_updates(params, updates), opt_state), (params, loss)  # (1)

    return jax.lax.scan(step, (start, rule.init(start)), length=steps + 1)[1]


def best(losses: Float[Array, "rules rates"], names: list[str]) -> dict:
    """The lowest loss of every rule; a rate that diverged has none."""
    lowest = jnp.where(jnp.isfinite(losses), losses, jnp.inf).min(-1)
    return {f"loss_{name}": lowest[i] for i, name in enumerate(names)}


def optimizers(config: Config, problem: Problem, rules: Mapping[str, Callable] = BY_GRADIENT) -> Learner:
    """The race of `rules`, name -> rule(learning_rate), each at every rate of the configuration.

    Metrics are `loss_<rule>`, the lowest over the rates on this batch; evaluate adds `rate_<rule>`, where that was. A
    run stays where it is from the first step on that would not be finite. Newton's method may be among the rules where
    the parameters are few. Raises ConfigError without rules or rates, and for a rate that is not above 0.
    """
    positive("optimizers", **{f"learning_rates[{i}]": rate for i, rate in enumerate(config.learning_rates)})
    if not config.learning_rates or not rules:
        raise ConfigError(f"optimizers: {len(config.learning_rates)} learning_rates, {len(rules)} rules; expected some")
    names, rates = [*rules], np.asarray(config.learning_rates)

    def init(key: Key, batch: Any) -> Race:
        params = jax.tree.map(lambda x: jnp.broadcast_to(x, (rates.size, *x.shape)), problem.init(key, batch))
        opt_states = {name: jax.vmap(lambda a, w: rules[name](a).init(w))(rates, params) for name in names}
        return Race(jax.tree.map(lambda x: jnp.broadcast_to(x, (len(names), *x.shape)), params), opt_states)

    def move(rule: Callable, batch: Any, rate: Array, grads: PyTree, params: PyTree, opt_state: PyTree) -> tuple:
        value_fn = lambda params: problem.value(params, batch)
        update = optax.with_extra_args_support(rule(rate)).update
        updates, after = update(grads, opt_state, params, value_fn=value_fn)
        moved = optax.apply_updates(params, updates), after  # (1)
        finite = jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves(moved)]).all()
        return jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, (params, opt_state))

    def step(key: Key, state: Race, batch: Any) -> tuple[Race, dict]:
        each = jax.vmap(jax.vmap(jax.value_and_grad(problem.value), (0, None)), (0, None))
        losses, grads = each(state.params, batch)
        moved = {}
        for i, name in enumerate(names):
            here = jax.tree.map(lambda x: x[i], (grads, state.params))
            moved[name] = jax.vmap(partial(move, rules[name], batch))(rates, *here, state.opt_states[name])
        params = jax.tree.map(lambda *x: jnp.stack(x), *(moved[name][0] for name in names))
        return Race(params, {name: moved[name][1] for name in names}), best(losses, names)

    def evaluate(key: Key, state: Race, batch: Any) -> dict:
        losses = jax.vmap(jax.vmap(problem.value, (0, None)), (0, None))(state.params, batch)
        chosen = jnp.asarray(rates)[jnp.nanargmin(losses, -1)]
        return best(losses, names) | {f"rate_{name}": chosen[i] for i, name in enumerate(names)}

    return Learner(init, step, evaluate)
