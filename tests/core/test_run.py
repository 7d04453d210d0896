"""The runner: what is promised of every run, on methods so small that the right answer is known."""

import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Learner, from_loss, from_stateful_loss, varied
from jaxicon.core.run import evaluate, fresh, parts, train
from jaxicon.core.stream import hosted, nothing, resident, synthetic
from jaxicon.foundations.mlp import Config, mlp


def counter() -> Learner:
    """State: steps done and the sum of a uniform number per step."""
    init = lambda key, batch: (jnp.int32(0), jnp.zeros(()))
    step = lambda key, state, batch: ((state[0] + 1, state[1] + jax.random.uniform(key)), {"sum": state[1]})
    return Learner(init, step, lambda key, state, batch: {"sum": state[1]})


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_a_run_is_a_function_of_key_and_t(key, chunk):
    step_key = parts(key)[2]
    expected = np.cumsum([np.float32(jax.random.uniform(jax.random.fold_in(step_key, t))) for t in range(20)])
    state, history = train(jax.random.clone(key), counter(), nothing, 20, chunk=chunk)
    assert state[0] == 20
    np.testing.assert_allclose(history["sum"], np.concatenate([[0], expected[:-1]]), rtol=1e-6)


def test_batches_are_drawn_from_the_data_part_of_the_key_and_init_sees_the_first(key):
    """The state remembers what init saw and what the last step saw."""
    data_key = parts(key)[1]
    expected = [float(jax.random.uniform(jax.random.fold_in(data_key, t))) for t in range(3)]
    method = Learner(
        lambda key, batch: (batch, batch), lambda key, state, batch: ((state[0], batch), {"x": batch}), None
    )
    (first, last), history = train(jax.random.clone(key), method, synthetic(jax.random.uniform), 3, chunk=2)
    np.testing.assert_allclose([first, last, *history["x"]], [expected[0], expected[2], *expected], rtol=1e-6)


def test_n_keys_start_n_runs(key):
    keys = jax.random.split(key, 3)
    method = Learner(lambda key, batch: jax.random.normal(key, (2,)), None, None)
    single = [fresh(jax.random.clone(k), method) for k in keys]
    np.testing.assert_array_equal(fresh(keys, method), single)
    assert len(np.unique(single)) == 6


def test_hooks_see_every_chunk(key):
    seen = []
    train(
        key, counter(), nothing, 25, chunk=10, hooks=[lambda t, state, metrics: seen.append((t, len(metrics["sum"])))]
    )
    assert seen == [(10, 10), (20, 10), (25, 5)]


def test_the_caller_keeps_the_state_it_gave(key):
    method = counter()
    state = fresh(jax.random.clone(key), method)
    train(key, method, nothing, 5, state=state)
    assert state[0] == 0


def test_the_next_chunk_is_loaded_while_this_one_runs(key):
    """Loading and stepping take 0.1 s each, eight times: 0.9 s together, 1.6 s one after the other."""
    pause = lambda x: (time.sleep(0.1), x)[1]

    def step(key, state, batch):
        slow = jax.pure_callback(pause, jax.ShapeDtypeStruct((), jnp.float32), batch[0], vmap_method="sequential")
        return state + slow, {"x": slow}

    method = Learner(lambda key, batch: jnp.zeros(()), step, None)
    threads = set()

    def batch_at(t):
        threads.add(threading.current_thread().name)
        time.sleep(0.1)
        return np.array([t], np.float32)

    stream = hosted(batch_at)
    train(jax.random.clone(key), method, stream, 1, chunk=1)  # compiles
    start = time.perf_counter()
    state, _ = train(key, method, stream, 8, chunk=1)
    assert state == sum(range(8))
    assert time.perf_counter() - start < 1.4
    assert any(name.startswith("jaxicon-stream") for name in threads)


def test_evaluate_weights_batches_by_their_size(key):
    """Batches of 1, 2, 3 examples: the mean over all examples, not over batches."""
    stream = hosted(lambda t: np.full(t + 1, float(t), np.float32))
    method = Learner(None, None, lambda key, state, batch: {"mean": batch.mean() + state})
    measured = evaluate(key, method, jnp.float32(100), stream, 3)
    assert measured["mean"] == pytest.approx(100 + (0 + 1 + 1 + 2 + 2 + 2) / 6)


def test_gradient_descent_finds_the_least_squares_solution(key):
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    y = x @ np.array([1.0, -2.0, 0.5], np.float32)
    loss = lambda key, params, batch: (lambda value: (value, {"loss": value}))(
        ((batch[0] @ params - batch[1]) ** 2).mean()
    )
    method = from_loss(lambda key, batch: jnp.zeros(3), loss, optax.sgd(0.1))
    state, _ = train(key, method, resident((x, y), 64), 300)
    np.testing.assert_allclose(state.params, [1.0, -2.0, 0.5], atol=1e-4)


def test_a_stateful_loss_trains_in_one_mode_and_measures_in_the_other(key):
    """`extra` counts training steps; measuring leaves it alone and sees it."""

    def loss(key, params, extra, batch):
        return params**2, (extra + 1, {"loss": params**2})

    measure = lambda key, params, extra, batch: {"extra": extra}
    method = from_stateful_loss(lambda key, batch: (jnp.float32(4), jnp.float32(0)), loss, measure, optax.sgd(0.25))
    state, history = train(jax.random.clone(key), method, nothing, 3)
    np.testing.assert_allclose(history["loss"], [16, 4, 1])
    assert state.extra == 3
    assert method.evaluate(key, state, None)["extra"] == 3


def test_a_sweep_is_the_single_runs_with_the_same_keys(key):
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    configs = [Config(hidden=(4,), learning_rate=rate) for rate in (1e-3, 1e-1)]
    factory = lambda config: mlp(config, classes=3)
    together, history = train(jax.random.clone(key), varied(factory, configs), stream, 5)
    for i, config in enumerate(configs):
        alone, metrics = train(jax.random.clone(key), factory(config), stream, 5)
        np.testing.assert_allclose(history["loss"][:, i], metrics["loss"], rtol=1e-5)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, atol=1e-5), together.params, alone.params)
    with pytest.raises(ConfigError, match="Config.hidden is no float"):
        varied(factory, [Config(hidden=(4,)), Config(hidden=(5,))])
    with pytest.raises(ConfigError, match="mlp: learning_rate is -0.1"):
        varied(factory, [Config(learning_rate=rate) for rate in (0.1, -0.1)])
