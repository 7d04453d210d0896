"""Early stopping: training ends when the validation loss no longer falls, and the best state is the one that is used.

Notes    MIT 6.S191 lecture 1
Paper    Prechelt 1998, Early stopping - but when?, Neural Networks: Tricks of the Trade
Systems  reg.early_stopping
Idea     epoch e trains the state s_e and measures v_e on validation data                                        (1)
         v_e < best:  best, restored, waited = v_e, s_e, 0;  otherwise waited = waited + 1                       (2)
         waited = patience:  stop; nothing changes any more                                                      (3)
         (2) and (3) are what Keras' EarlyStopping(restore_best_weights=True) does, without min_delta.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.method import Key, Learner, Method, Metrics
from jaxicon.core.stream import Stream, epochs, length, placed


@dataclass(frozen=True)
class Config:
    patience: int = 10  # epochs in a row without a new best after which training stops
    metric: str = "loss"  # of the method's `evaluate`; the smaller, the better


class State(NamedTuple):
    current: Any  # s_e
    restored: Any  # the state of the best epoch: what is evaluated, and used afterwards
    best: Float[Array, ""]
    waited: Int[Array, ""]
    epoch: Int[Array, ""]  # epochs trained
    best_epoch: Int[Array, ""]  # the first is 1; 0: none yet
    stopped: Bool[Array, ""]
    seen: Metrics  # of the last epoch that was trained


def validated(train: Any, validation: Any, batch_size: int) -> Stream:
    """Batches for `early_stopping`: an epoch of the arrays `train` in a random order, cut into minibatches of this
    size [k, batch_size, ...], and all of `validation`.

    Raises DataError where minibatches of this size leave a rest.
    """
    size = length(train)
    if size % batch_size:
        raise DataError(f"validated: {size} examples; expected a multiple of batch_size = {batch_size}")
    whole = epochs(train, size)
    cut = lambda x: x.reshape(-1, batch_size, *x.shape[1:])
    return Stream(
        placed((train, validation)),
        lambda key, ts, arrays: whole.plan(key, ts, arrays[0]),
        lambda row, arrays: (jax.tree.map(cut, whole.draw(row, arrays[0])), arrays[1]),
    )


def judged(config: Config, state: State, value: Float[Array, ""]) -> State:
    """(2), (3): the verdict on state.current, which the epoch has just trained, by its validation loss."""
    better, epoch = value < state.best, state.epoch + 1
    waited = jnp.where(better, 0, state.waited + 1)
    return state._replace(
        restored=jax.tree.map(lambda new, old: jnp.where(better, new, old), state.current, state.restored),
        best=jnp.where(better, value, state.best),
        waited=waited,
        epoch=epoch,
        best_epoch=jnp.where(better, epoch, state.best_epoch),
        stopped=waited >= config.patience,
    )


def early_stopping(config: Config, method: Method) -> Learner:
    """`method` with a step that is an epoch: batches are (minibatches [k, b, ...], validation [n, ...]).

    A step takes the k minibatches in turn. Its metrics are their means and, as `validation_...`, what `evaluate` says
    of the validation data; after the stop they are those of the last epoch. `evaluate` measures state.restored on the
    second part of its batch. Raises ConfigError for a patience that is not above 0 and for a metric nobody measures.
    """
    positive("early_stopping", patience=config.patience)

    def init(key: Key, batch: tuple) -> State:
        minibatches, validation = batch
        first = jax.tree.map(lambda x: x[0], minibatches)
        inner = method.init(key, first)
        measured = jax.eval_shape(method.evaluate, key, inner, validation)
        if config.metric not in measured:
            raise ConfigError(f"early_stopping: no metric {config.metric!r}; expected one of {sorted(measured)}")
        trained = jax.eval_shape(method.step, key, inner, first)[1]
        kinds = trained | {f"validation_{name}": kind for name, kind in measured.items()}
        best, zero = jnp.full((), jnp.inf, measured[config.metric].dtype), jnp.int32(0)
        seen = jax.tree.map(lambda kind: jnp.zeros(kind.shape, kind.dtype), kinds)
        return State(inner, inner, best, zero, zero, zero, jnp.bool_(False), seen)

    def epoch(words: UInt32[Array, "w"], state: State, batch: tuple) -> State:
        """(1), and the verdict; of a key's raw words, because a vmapped `cond` copies its arguments."""
        minibatches, validation = batch
        train_key, validation_key = jax.random.split(jax.random.wrap_key_data(words))
        keys = jax.random.split(train_key, jax.tree.leaves(minibatches)[0].shape[0])
        current, history = jax.lax.scan(
            lambda s, given: method.step(given[0], s, given[1]), state.current, (keys, minibatches)
        )
        measured = method.evaluate(validation_key, current, validation)
        seen = jax.tree.map(lambda m: m.mean(0), history) | {f"validation_{n}": m for n, m in measured.items()}
        return judged(config, state._replace(current=current, seen=seen), measured[config.metric])

    def step(key: Key, state: State, batch: tuple) -> tuple[State, Metrics]:
        words = jax.random.key_data(key)
        state = jax.lax.cond(state.stopped, lambda words, state, batch: state, epoch, words, state, batch)
        return state, state.seen | {"stopped": state.stopped.astype(state.best.dtype)}

    def evaluate(key: Key, state: State, batch: tuple) -> Metrics:
        return method.evaluate(key, state.restored, batch[1])

    return Learner(init, step, evaluate)
