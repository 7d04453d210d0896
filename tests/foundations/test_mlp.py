"""The multilayer perceptron against a NumPy loop, finite differences, and problems with known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, resident, synthetic
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp, parameter_count


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    return mlp(Config(hidden=(6, 4)), classes=3), stream


def by_hand(params, x):
    """Logits and the mean of the ReLUs' outputs, one example and one unit at a time."""
    layers = [params["params"][f"Dense_{i}"] for i in range(len(params["params"]))]
    rows = []
    for row in np.asarray(x):
        for i, layer in enumerate(layers):
            columns = np.asarray(layer["kernel"]).T
            row = np.array([sum(w * h for w, h in zip(c, row, strict=True)) for c in columns]) + np.asarray(
                layer["bias"]
            )
            row = np.where(row > 0, row, 0) if i + 1 < len(layers) else row
        rows.append(row)
    return np.array(rows)


@pytest.fixture
def fitted(key, x64):
    method, stream = example()
    state, _ = train(key, method, stream, 5)
    x = jax.random.normal(jax.random.key(7), (6, 5))
    return method, state, (x, jnp.array([0, 1, 2, 0, 1, 2]))


@pytest.mark.system("found.mlp")
def test_predictions_and_loss_are_those_of_the_layers_written_out(fitted):
    method, state, (x, y) = fitted
    logits = by_hand(state.params, x)
    np.testing.assert_allclose(method.predict(state, x), logits, atol=1e-12)
    loss = -log_softmax(logits, axis=1)[np.arange(6), np.asarray(y)].mean()
    metrics = method.evaluate(jax.random.key(0), state, (x, y))
    assert metrics["loss"] == pytest.approx(loss, abs=1e-12)
    assert metrics["accuracy"] == (logits.argmax(1) == np.asarray(y)).mean()


def test_one_step_moves_every_weight_against_its_difference_quotient(fitted):
    """Adam's first step is learning_rate * sign(gradient); the sign is that of a central difference."""
    method, _, batch = fitted
    start = method.init(jax.random.key(1), batch)
    after, _ = method.step(jax.random.key(2), start, batch)
    loss = lambda params: method.evaluate(jax.random.key(0), start._replace(params=params), batch)["loss"]
    before, moved = (jax.flatten_util.ravel_pytree(s.params) for s in (start, after))
    flat, unravel = before
    for i in range(0, flat.size, 7):
        nudge = jnp.zeros_like(flat).at[i].set(1e-6)
        slope = (loss(unravel(flat + nudge)) - loss(unravel(flat - nudge))) / 2e-6
        if abs(slope) > 1e-6:
            assert moved[0][i] - flat[i] == pytest.approx(-1e-3 * np.sign(slope), rel=1e-2)


@pytest.mark.system("found.mlp")
def test_number_of_parameters(key):
    assert parameter_count(64, 128, 64, 10) == 17_226
    state = mlp(Config(), classes=10).init(key, (jnp.zeros((1, 64)), jnp.zeros(1, jnp.int32)))
    assert sum(x.size for x in jax.tree.leaves(state.params)) == 17_226


@pytest.mark.system("found.mlp")
def test_learns_exclusive_or(key):
    x = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    stream = resident((x, jnp.array([0, 1, 1, 0])), 16)
    method = mlp(Config(hidden=(16,), learning_rate=1e-2), classes=2)
    state, _ = train(key, method, stream, 500)
    np.testing.assert_array_equal(method.predict(state, x).argmax(-1), [0, 1, 1, 0])


@pytest.mark.slow
@pytest.mark.system("found.dnn")
def test_four_hidden_layers_learn_the_digits(key):
    data = digits()
    method = mlp(Config(hidden=(64, 64, 64, 64)), classes=10)
    state, history = train(jax.random.clone(key), method, epochs(data.train, 64), 800)
    assert evaluate(key, method, state, epochs(data.test, 360), 1)["accuracy"] >= 0.96
    assert np.isfinite(history["loss"]).all()
