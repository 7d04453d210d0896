"""Early stopping against the rule of Keras as a Python loop, on scripted losses and on a net that over-fits."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.method import Learner
from jaxicon.core.run import parts, train
from jaxicon.core.stream import Stream, synthetic
from jaxicon.foundations import mlp as perceptron
from jaxicon.foundations.early_stopping import Config, early_stopping, validated

CLASSES = 3


def noisy(key, count):
    """Inputs whose labels have little to do with them, so that a net soon learns them by heart."""
    x_key, y_key = jax.random.split(key)
    x = jax.random.normal(x_key, (count, 5))
    y = jnp.where(
        jax.random.uniform(y_key, (count,)) < 0.5, (x[:, 0] > 0).astype(jnp.int32), jnp.arange(count) % CLASSES
    )
    return x, y


def example():
    def sample(key):
        train_key, validation_key = jax.random.split(key)
        cut = lambda x: x.reshape(2, 4, *x.shape[1:])
        return jax.tree.map(cut, noisy(train_key, 8)), noisy(validation_key, 6)

    inner = perceptron.mlp(perceptron.Config(hidden=(4,)), CLASSES)
    return early_stopping(Config(patience=2), inner), synthetic(sample)


def scripted(losses):
    """A method whose state counts its steps and whose validation loss is read off a list."""

    def step(key, state, batch):
        return state + 1, {"loss": state.astype(float)}

    evaluate = lambda key, state, batch: {
        "loss": jnp.asarray(losses)[state - 1],
        "other": -jnp.asarray(losses)[state - 1],
    }
    return Learner(lambda key, batch: jnp.int32(0), step, evaluate)


BATCH = (jnp.zeros((1, 1)), jnp.zeros(1))  # one minibatch of nothing in particular
THESE = Stream(lambda t0, n: (), lambda key, ts, arrays: ts, lambda row, arrays: BATCH)


def by_keras(losses, patience):
    """EarlyStopping(patience=patience, restore_best_weights=True) of Keras 3.9, on_epoch_end, min_delta = 0.

    (epochs trained, best epoch), counted from 1.
    """
    best, best_epoch, wait = np.inf, 0, 0
    for epoch, current in enumerate(losses):
        wait += 1
        if current < best:
            best, best_epoch, wait = current, epoch + 1, 0
            continue
        if wait >= patience and epoch > 0:
            return epoch + 1, best_epoch
    return len(losses), best_epoch


@pytest.mark.system("reg.early_stopping")
@pytest.mark.parametrize("patience", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_patience_is_that_of_keras(key, seed, patience):
    losses = np.random.default_rng(seed).integers(0, 12, 30) - np.minimum(np.arange(30), 12)  # falls, with ties
    method = early_stopping(Config(patience), scripted(losses.astype(np.float32)))
    state, history = train(key, method, THESE, 30)
    epochs, best = by_keras(losses, patience)
    assert (state.epoch, state.best_epoch, state.restored, state.current) == (epochs, best, best, epochs)
    assert state.best == losses[best - 1] == losses[:epochs].min()
    assert state.stopped == (epochs < 30 or state.waited >= patience)
    np.testing.assert_array_equal(history["stopped"], np.arange(1, 31) >= (epochs if state.stopped else 31))
    seen = np.append(losses[:epochs], np.full(30 - epochs, losses[epochs - 1]))
    np.testing.assert_array_equal(history["validation_loss"], seen)


@pytest.mark.system("reg.early_stopping")
def test_after_the_stop_nothing_changes(key):
    method = early_stopping(Config(2), scripted(np.array([3.0, 2, 5, 4, 0, 0, 0], np.float32)))
    half, _ = train(jax.random.clone(key), method, THESE, 4)
    after, _ = train(key, method, THESE, 3, state=half, start=4)
    assert (half.stopped, half.restored, half.current) == (True, 2, 4)
    assert jax.tree.map(float, half) == jax.tree.map(float, after)
    assert method.evaluate(jax.random.key(1), after, BATCH)["loss"] == 2.0


def test_another_metric_may_decide(key):
    method = early_stopping(Config(2, metric="other"), scripted(np.array([1.0, 2, 3, 2, 1, 0], np.float32)))
    state, _ = train(key, method, THESE, 6)
    assert (state.epoch, state.restored) == (5, 3)


@pytest.mark.slow
@pytest.mark.system("reg.early_stopping")
def test_restored_parameters_are_those_of_the_least_validation_loss(x64, key):
    """Independent: the net's own steps in a Python loop over epochs, with the same keys, and the loss by NumPy."""
    inner, epochs = perceptron.mlp(perceptron.Config(hidden=(32,), learning_rate=0.02), CLASSES), 40
    x, y = noisy(jax.random.key(1), 24)
    held_x, held_y = noisy(jax.random.key(2), 60)
    batch = ((x.reshape(3, 8, 5), y.reshape(3, 8)), (held_x, held_y))
    stream = Stream(lambda t0, n: batch, lambda key, ts, arrays: ts, lambda row, arrays: arrays)
    method = early_stopping(Config(patience=6), inner)
    state, history = train(jax.random.clone(key), method, stream, epochs)

    first = (batch[0][0][0], batch[0][1][0])
    current, losses, states = inner.init(parts(key)[0], first), [], []
    step = jax.jit(inner.step)
    for _ in range(epochs):
        for i in range(3):
            current, _ = step(jax.random.key(0), current, (batch[0][0][i], batch[0][1][i]))
        logits = np.asarray(inner.predict(current, held_x))
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        losses.append(-log_p[np.arange(60), np.asarray(held_y)].mean())
        states.append(current)
    stop, best = by_keras(losses, 6)
    assert (state.epoch, state.best_epoch) == (stop, best)
    assert best < stop < epochs
    assert losses[best - 1] == min(losses[:stop])
    assert history["loss"][stop - 1] < history["loss"][best - 1]  # what over-fitting is
    np.testing.assert_allclose(history["validation_loss"][:stop], losses[:stop], rtol=1e-10)
    for ours, theirs in zip(
        jax.tree.leaves(state.restored.params), jax.tree.leaves(states[best - 1].params), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
    assert method.evaluate(jax.random.key(3), state, batch)["loss"] == pytest.approx(min(losses[:stop]), rel=1e-10)


@pytest.mark.slow
def test_runs_stop_each_at_a_time_of_its_own(key):
    """Two seeds in one program: the vmapped step is that of each."""
    method, stream = example()
    keys = jax.random.split(key, 4)
    together, _ = train(jax.random.clone(keys), method, stream, 25)
    assert len({*np.asarray(together.epoch).tolist()}) > 1
    for i in range(4):
        alone, _ = train(keys[i], method, stream, 25)
        assert (alone.epoch, alone.best_epoch) == (together.epoch[i], together.best_epoch[i])


def test_a_batch_is_an_epoch_in_minibatches_and_all_of_the_validation_data(key):
    stream = validated((np.arange(6), -np.arange(6)), np.arange(4), batch_size=2)
    arrays = stream.load(0, 3)
    orders = []
    for row in stream.plan(key, jnp.arange(3), arrays):
        (x, y), validation = stream.draw(row, arrays)
        assert x.shape == (3, 2)
        np.testing.assert_array_equal(x, -y)
        np.testing.assert_array_equal(np.sort(np.ravel(x)), np.arange(6))
        np.testing.assert_array_equal(validation, np.arange(4))
        orders.append(tuple(np.ravel(x).tolist()))
    assert len({*orders}) == 3


def test_bad_input_is_named(key):
    with pytest.raises(DataError, match="validated: 7 examples; expected a multiple of batch_size = 2"):
        validated(np.arange(7), np.arange(2), batch_size=2)
    with pytest.raises(ConfigError, match="early_stopping: patience is 0"):
        early_stopping(Config(patience=0), scripted(np.zeros(3)))
    with pytest.raises(ConfigError, match=r"early_stopping: no metric 'los'; expected one of \['loss', 'other'\]"):
        early_stopping(replace(Config(), metric="los"), scripted(np.zeros(3, np.float32))).init(key, BATCH)
