"""The one abstraction: a method is three pure functions of (key, state, batch).

`from_loss` and `from_stateful_loss` make most methods; what is not the descent of one loss writes its own step.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax

from jaxicon.core.errors import ConfigError

Key = jax.Array
State = Any  # a pytree of arrays, owned by the method and opaque to everyone else
Batch = Any  # a pytree of arrays with one leading axis, or None where a method needs no data
Metrics = dict[str, jax.Array]  # finite scalars


@runtime_checkable
class Method(Protocol):
    """init makes a state, step improves it, evaluate measures it; all three are pure."""

    init: Callable[[Key, Batch], State]
    step: Callable[[Key, State, Batch], tuple[State, Metrics]]
    evaluate: Callable[[Key, State, Batch], Metrics]


class Learner(NamedTuple):
    """A method and no more."""

    init: Callable
    step: Callable
    evaluate: Callable


class Predictor(NamedTuple):
    """A method whose state is a function: predict(state, x) -> y."""

    init: Callable
    step: Callable
    evaluate: Callable
    predict: Callable


class Generator(NamedTuple):
    """A method whose state can be sampled from: sample(key, state, count) -> batch."""

    init: Callable
    step: Callable
    evaluate: Callable
    sample: Callable


class Density(NamedTuple):
    """A method whose state is a density, to evaluate and to sample from: log_prob(state, x) -> [b], in nats."""

    init: Callable
    step: Callable
    evaluate: Callable
    log_prob: Callable
    sample: Callable


class Encoder(NamedTuple):
    """A method whose state turns data into features: encode(state, x) -> [b, d]."""

    init: Callable
    step: Callable
    evaluate: Callable
    encode: Callable


class Agent(NamedTuple):
    """A method whose state is a policy: act(key, state, obs) -> action."""

    init: Callable
    step: Callable
    evaluate: Callable
    act: Callable


class Fit(NamedTuple):
    """The state of every method that descends one loss."""

    params: Any
    extra: Any  # what training changes but gradients do not reach: batch statistics, moving averages, queues; else ()
    opt_state: optax.OptState


def from_stateful_loss(
    init: Callable, loss: Callable, measure: Callable, optimizer: optax.GradientTransformation
) -> Learner:
    """A method from a loss that also changes something beside the parameters.

    init(key, batch) -> (params, extra)
    loss(key, params, extra, batch) -> (scalar, (extra, metrics))     training mode
    measure(key, params, extra, batch) -> metrics                     inference mode: no dropout, running statistics
    """

    def start(key: Key, batch: Batch) -> Fit:
        params, extra = init(key, batch)
        return Fit(params, extra, optimizer.init(params))

    def step(key: Key, state: Fit, batch: Batch) -> tuple[Fit, Metrics]:
        grads, (extra, metrics) = jax.grad(loss, argnums=1, has_aux=True)(key, state.params, state.extra, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        return Fit(optax.apply_updates(state.params, updates), extra, opt_state), metrics

    def evaluate(key: Key, state: Fit, batch: Batch) -> Metrics:
        return measure(key, state.params, state.extra, batch)

    return Learner(start, step, evaluate)


def from_loss(init: Callable, loss: Callable, optimizer: optax.GradientTransformation) -> Learner:
    """A method from `init(key, batch) -> params` and `loss(key, params, batch) -> (scalar, metrics)`."""

    def stateful_loss(key, params, extra, batch):
        value, metrics = loss(key, params, batch)
        return value, (extra, metrics)

    def measure(key, params, extra, batch):
        return loss(key, params, batch)[1]

    return from_stateful_loss(lambda key, batch: (init(key, batch), ()), stateful_loss, measure, optimizer)


def varied(factory: Callable[[Any], Method], configs: Sequence[Any]) -> Learner:
    """n configurations as one method: the numbers in which they differ are vmapped through the factory.

    Every configuration sees the same keys and the same batches, so that differences are due to the numbers alone.
    State and metrics get a leading axis of length n. Raises ConfigError when a field differs that is not a real number:
    such a field shapes the program, and one program cannot have two shapes.
    """
    base = configs[0]
    differing = [f for f in fields(base) if any(getattr(c, f.name) != getattr(base, f.name) for c in configs)]
    for field in differing:
        if field.type not in (float, "float"):
            raise ConfigError(f"varied: {type(base).__name__}.{field.name} is no float; only real numbers can vary")
    for config in configs:
        factory(config)  # refuses numbers that cannot be, which it does not see once they are traced
    numbers = {f.name: jnp.asarray([float(getattr(c, f.name)) for c in configs]) for f in differing}
    size = len(configs)

    def each(function: Callable) -> Callable:
        """function(method, state) over all configurations."""
        return jax.vmap(lambda number, state: function(factory(replace(base, **number)), state), axis_size=size)

    def init(key: Key, batch: Batch) -> State:
        return each(lambda method, _: method.init(key, batch))(numbers, None)

    def step(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        return each(lambda method, state: method.step(key, state, batch))(numbers, state)

    def evaluate(key: Key, state: State, batch: Batch) -> Metrics:
        return each(lambda method, state: method.evaluate(key, state, batch))(numbers, state)

    return Learner(init, step, evaluate)
