"""Snapshots against a run that is stopped at each step, SciPy's softmax, and a model that is linear."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import synthetic
from jaxicon.foundations.snapshot_ensemble import Config, mean_params, rate, snapshot_ensemble
from jaxicon.nn.mlp import mlp

TINY = Config(cycle=3, snapshots=2, learning_rate=0.5)
STREAM = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
X = np.random.default_rng(0).normal(size=(6, 5))
Y = np.array([0, 1, 2, 0, 1, 2], np.int32)


def example():
    return snapshot_ensemble(TINY, mlp(6, 3)), STREAM


def kernel(params):
    return np.array(params["params"]["Dense_0"]["kernel"])


def trajectory(key, method, steps):
    """The first layer's weights after each of the steps, the start first; and the last state."""
    seen = []
    hook = lambda t, state, metrics: seen.append(kernel(state.fit.params))
    state, _ = train(key, method, STREAM, steps, chunk=1, hooks=[hook])
    return seen, state


@pytest.mark.system("ens.snapshot")
@pytest.mark.parametrize(
    ("steps", "ends"),
    [(2, [2, 2, 2]), (3, [3, 3, 3]), (5, [3, 5, 5]), (9, [3, 6, 9]), (10, [10, 6, 9]), (15, [12, 15, 9])],
)
def test_snapshots_are_the_ends_of_the_last_cycles(steps, ends, key):
    """Of a cycle that is not over, and in place of those to come, the present parameters."""
    method = snapshot_ensemble(Config(cycle=3, snapshots=3, learning_rate=0.5), mlp(6, 3))
    seen, state = trajectory(key, method, steps)
    assert len(np.unique(np.array(seen).reshape(steps, -1), axis=0)) == steps
    for place, end in enumerate(ends):
        np.testing.assert_array_equal(kernel(state.snapshots)[place], seen[end - 1])


@pytest.mark.system("ens.snapshot")
def test_the_rate_restarts_with_every_cycle(x64):
    """Equation 2 of the paper, which counts steps from 1; and the descent goes by it: a linear model by hand."""
    config = Config(cycle=4, snapshots=2, learning_rate=0.3, momentum=0.0)
    by_paper = [0.3 / 2 * (np.cos(np.pi * ((t - 1) % 4) / 4) + 1) for t in range(1, 9)]
    np.testing.assert_allclose(rate(config, jnp.arange(8)), by_paper, atol=1e-12)
    method = snapshot_ensemble(config, mlp(3))
    state = method.init(jax.random.key(0), (jnp.asarray(X), jnp.asarray(Y)))
    w, b = (np.array(state.fit.params["params"]["Dense_0"][name]) for name in ("kernel", "bias"))
    for t in range(8):
        state, _ = method.step(jax.random.key(t), state, (jnp.asarray(X), jnp.asarray(Y)))
        slope = (np.exp(log_softmax(X @ w + b, axis=1)) - np.eye(3)[Y]) / len(Y)
        w, b = w - by_paper[t] * X.T @ slope, b - by_paper[t] * slope.sum(0)
        np.testing.assert_allclose(kernel(state.fit.params), w, atol=1e-12)


@pytest.mark.system("ens.snapshot")
def test_the_prediction_is_the_mean_probability_of_the_snapshots(key, x64):
    method, _ = example()
    state, _ = train(key, method, STREAM, 6)
    net, each = mlp(6, 3), [jax.tree.map(lambda p: p[k], state.snapshots) for k in range(2)]
    log_p = np.array([log_softmax(np.asarray(net.apply(p, X)), axis=1) for p in each])
    mean = np.log((np.exp(log_p[0]) + np.exp(log_p[1])) / 2)
    np.testing.assert_allclose(method.predict(state, jnp.asarray(X)), mean, atol=1e-12)
    found = method.evaluate(jax.random.key(1), state, (jnp.asarray(X), jnp.asarray(Y)))
    single = -log_p[:, np.arange(6), Y].mean()
    assert found["member_nll"] == pytest.approx(single, abs=1e-12)
    assert found["nll"] == pytest.approx(-mean[np.arange(6), Y].mean(), abs=1e-12)
    assert found["nll"] < single
    assert found["last_nll"] == pytest.approx(-log_p[1, np.arange(6), Y].mean(), abs=1e-12)


@pytest.mark.system("ens.weight_average")
def test_the_mean_model_is_the_arithmetic_mean_leaf_by_leaf(key, x64):
    method, _ = example()
    state, _ = train(key, method, STREAM, 6)
    found = mean_params(state.snapshots)
    assert jax.tree.structure(found) == jax.tree.structure(state.fit.params)
    for mean, stack in zip(jax.tree.leaves(found), jax.tree.leaves(state.snapshots), strict=True):
        stack = np.asarray(stack)
        np.testing.assert_allclose(mean, sum(stack[k] for k in range(2)) / 2, atol=1e-15)
    log_p = log_softmax(np.asarray(mlp(6, 3).apply(found, X)), axis=1)
    metrics = method.evaluate(jax.random.key(1), state, (jnp.asarray(X), jnp.asarray(Y)))
    assert metrics["mean_params_nll"] == pytest.approx(-log_p[np.arange(6), Y].mean(), abs=1e-12)
    assert metrics["mean_params_accuracy"] == pytest.approx((log_p.argmax(1) == Y).mean(), abs=1e-12)


@pytest.mark.system("ens.weight_average")
def test_of_a_linear_model_the_mean_output_is_that_of_the_mean_model(key, x64):
    """And of another it is not."""
    outputs = {}
    for name, net in {"linear": mlp(3), "curved": mlp(6, 3)}.items():
        method = snapshot_ensemble(TINY, net)
        state, _ = train(jax.random.clone(key), method, STREAM, 6)
        layer = kernel(state.snapshots)
        assert abs(layer[0] - layer[1]).max() > 1e-2
        each = [np.asarray(net.apply(jax.tree.map(lambda p: p[k], state.snapshots), X)) for k in range(2)]
        outputs[name] = abs((each[0] + each[1]) / 2 - net.apply(mean_params(state.snapshots), X)).max()
    assert outputs["linear"] < 1e-14
    assert outputs["curved"] > 1e-3


def test_wrong_arguments_are_named():
    with pytest.raises(ConfigError, match="snapshot_ensemble: cycle is 0"):
        snapshot_ensemble(Config(cycle=0), mlp(3))
    with pytest.raises(ConfigError, match="snapshot_ensemble: snapshots is 0"):
        snapshot_ensemble(Config(snapshots=0), mlp(3))
    with pytest.raises(ConfigError, match="momentum is 1.5"):
        snapshot_ensemble(Config(momentum=1.5), mlp(3))
