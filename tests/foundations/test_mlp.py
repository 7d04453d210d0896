"""The multilayer perceptron against a NumPy loop, finite differences, and problems with known answers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from scipy.special import expit, log_softmax, softmax
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error, r2_score

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, resident, synthetic
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import (
    Config,
    dense_sigmoid,
    identity_model,
    mlp,
    mlp_binary,
    mlp_regression,
    parameter_count,
)


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


@pytest.mark.slow
@pytest.mark.system("found.fcn_multiclass", "found.fit_workflow")
def test_define_fit_evaluate_predict(key):
    """The notebook's listing: 128-64-10, batches of 32, ten epochs, a tenth of the digits to validate on."""
    (x, y), test = digits()
    kept, validation = (x[:1293], y[:1293]), (x[1293:], y[1293:])
    method = mlp(Config(), classes=10)

    def fit():
        history = {"loss": [], "val_loss": [], "val_accuracy": []}

        def epoch(t, state, metrics):
            found = evaluate(jax.random.clone(key), method, state, epochs(validation, 144), 1)
            new = (metrics["loss"].mean(), found["loss"], found["accuracy"])
            [history[name].append(float(value)) for name, value in zip(history, new, strict=True)]

        steps = -(-1293 // 32)
        state, _ = train(jax.random.clone(key), method, epochs(kept, 32), 10 * steps, chunk=steps, hooks=[epoch])
        return state, history

    state, history = fit()
    assert [len(column) for column in history.values()] == [10, 10, 10]
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert evaluate(jax.random.clone(key), method, state, epochs(test, 360), 1)["accuracy"] >= 0.96
    logits = method.predict(state, jnp.asarray(test[0]))
    np.testing.assert_allclose(softmax(logits, 1).sum(1), 1, rtol=1e-5)
    assert (np.asarray(logits.argmax(1)) == test[1]).mean() >= 0.96
    again, same = fit()
    assert same == history
    for first, second in zip(jax.tree.leaves(state), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.system("found.fcn_multiclass")
def test_ten_classes_cost_what_keras_charges_for_one_hot_rows(key, x64):
    method = mlp(Config(), classes=10)
    x, y = jax.random.normal(jax.random.key(1), (7, 64)), jnp.arange(7)
    state = method.init(key, (x, y))
    assert parameter_count(64, 128, 64, 10) == 17_226
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) == 17_226
    p = softmax(by_hand(state.params, x), 1)
    categorical = -(np.eye(10)[np.arange(7)] * np.log(p)).sum(1).mean()
    assert method.evaluate(jax.random.key(2), state, (x, y))["loss"] == pytest.approx(categorical, abs=1e-12)


@pytest.mark.system("found.fcn_binary")
def test_one_logit_is_the_log_odds_of_one(key, x64):
    method = mlp_binary(Config())
    x, y = jax.random.normal(jax.random.key(1), (40, 64)), (jnp.arange(40) % 4 > 0).astype(int)
    state = method.init(key, (x, y))
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) == parameter_count(64, 128, 64, 1) == 16_641
    logits = by_hand(state.params, x)[:, 0]
    np.testing.assert_allclose(method.predict(state, x)[:, 0], logits, atol=1e-12)
    found = method.evaluate(jax.random.key(2), state, (x, y))
    assert found["loss"] == pytest.approx(log_loss(y, expit(logits)), abs=1e-12)
    assert found["accuracy"] == ((expit(logits) > 0.5) == np.asarray(y)).mean()
    assert found["accuracy"] != ((expit(logits) > 0.6) == np.asarray(y)).mean()


@pytest.mark.system("found.fcn_binary")
def test_tells_the_eights_from_the_rest(key):
    """Nine digits in ten are no eight; a linear classifier finds most of them."""
    (x, y), (x_test, y_test) = digits()
    method = mlp_binary(Config())
    state, _ = train(key, method, epochs((x, (y == 8).astype(np.int32)), 64), 400)
    said = np.asarray(method.predict(state, jnp.asarray(x_test))[:, 0]) > 0
    assert (said == (y_test == 8)).mean() > 0.97
    assert said[y_test == 8].mean() > 0.85


@pytest.mark.system("found.fcn_regression")
def test_regression_has_squares_for_a_loss_and_absolute_errors_for_a_metric(key, x64):
    method = mlp_regression(Config())
    x, y = jax.random.normal(jax.random.key(1), (9, 64)), jnp.linspace(-2, 3, 9)
    state = method.init(key, (x, y))
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) == 16_641
    prediction = by_hand(state.params, x)[:, 0]
    found = method.evaluate(jax.random.key(2), state, (x, y))
    assert found["loss"] == pytest.approx(mean_squared_error(y, prediction), rel=1e-12)
    assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(y, prediction), rel=1e-12)


def teacher(key, count):
    """64 numbers, and of them what a fixed network of eight hidden units makes."""
    rng = np.random.default_rng(0)
    weights, readout = rng.normal(size=(64, 8)) / 8, rng.normal(size=8)
    x = jax.random.normal(key, (count, 64))
    return x, jax.nn.relu(x @ jnp.asarray(weights, x.dtype)) @ jnp.asarray(readout, x.dtype)


@pytest.mark.system("found.fcn_regression")
def test_imitates_a_teacher(key):
    method = mlp_regression(Config())
    state, _ = train(key, method, synthetic(lambda key: teacher(key, 128)), 1000)
    x, y = teacher(jax.random.key(1), 2000)
    assert r2_score(y, method.predict(state, x)[:, 0]) > 0.95


@pytest.mark.system("found.fnn_house_price")
def test_predicts_prices_that_are_linear_as_well_as_least_squares(key):
    """Ten features of 5,000 houses, 4,000 of them to learn from; a tenth of the price's variance is noise."""
    from sklearn.linear_model import LinearRegression

    random = np.random.default_rng(0)
    x = random.normal(size=(5000, 10)).astype(np.float32)
    price = x @ random.normal(size=10) / 2
    price = (price + price.std() / 3 * random.normal(size=5000)).astype(np.float32)
    houses, held_out = (x[:4000], price[:4000]), (x[4000:], price[4000:])
    least_squares = LinearRegression().fit(*houses).score(*held_out)
    assert 0.85 < least_squares < 0.95
    method = mlp_regression(Config(hidden=(32, 16)))
    state, _ = train(jax.random.split(key, 5), method, epochs(houses, 32), 1200)
    predictions = jax.vmap(method.predict, (0, None))(state, jnp.asarray(held_out[0]))[..., 0]
    assert np.mean([r2_score(held_out[1], prediction) for prediction in predictions]) > least_squares - 0.02


@pytest.mark.system("found.dense_sigmoid_lab")
def test_the_dense_layer_of_the_lab(key, x64):
    w, b = np.random.default_rng(0).normal(size=(2, 3)), np.array([[0.5, -1, 2]])
    params, x = {"W": jnp.asarray(w), "b": jnp.asarray(b)}, np.array([[1.0, 2]])
    expected = expit(w[:1] + 2 * w[1:] + b)
    assert expected.shape == (1, 3)
    np.testing.assert_allclose(dense_sigmoid(params, jnp.asarray(x)), expected, rtol=1e-14)
    flax = linen.Dense(3).apply({"params": {"kernel": params["W"], "bias": params["b"][0]}}, x)
    np.testing.assert_allclose(dense_sigmoid(params, jnp.asarray(x)), expit(np.asarray(flax)), rtol=1e-14)


@pytest.mark.system("found.identity_model")
def test_the_switch_of_the_lab_bypasses_the_layer(x64):
    rng = np.random.default_rng(0)
    params = {"W": jnp.asarray(rng.normal(size=(2, 3))), "b": jnp.asarray(rng.normal(size=(1, 3)))}
    x = jnp.asarray(rng.normal(size=(4, 2)))
    expected = expit(np.asarray(x) @ np.asarray(params["W"]) + np.asarray(params["b"]))
    np.testing.assert_allclose(identity_model(params, x), expected, rtol=1e-14)
    np.testing.assert_array_equal(identity_model(params, x, is_identity=True), x)
    for switch, moves in ((True, False), (False, True)):
        gradient = jax.grad(lambda params: identity_model(params, x, switch).sum())(params)
        assert all((np.asarray(leaf) != 0).all() == moves for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("factory", [partial(mlp, classes=3), mlp_binary, mlp_regression])
def test_bad_numbers_and_batches_are_named(factory, key):
    with pytest.raises(ConfigError, match="mlp: learning_rate is 0.0; expected a finite number above 0"):
        factory(Config(learning_rate=0.0))
    with pytest.raises(ConfigError, match=r"mlp: hidden\[1\] is 0"):
        factory(Config(hidden=(4, 0)))
    for x, y, told in (
        (jnp.zeros((0, 5)), jnp.zeros(0), r"x has shape \(0, 5\)"),
        (jnp.zeros((2, 5, 1)), jnp.zeros(2), r"x has shape \(2, 5, 1\)"),
        (jnp.zeros((2, 5)), jnp.zeros((2, 1)), r"y has shape \(2, 1\)"),
    ):
        with pytest.raises(DataError, match=f"mlp: {told}"):
            factory(Config()).init(jax.random.clone(key), (x, y))
