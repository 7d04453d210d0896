"""The elastic net against scikit-learn, soft-thresholding, the closed form of ridge, and its optimality conditions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.method import varied
from jaxicon.core.run import train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.foundations.elastic_net import Config, elastic_net, objective, soft_threshold


def example():
    def sample(key):
        x = jax.random.normal(key, (8, 3))
        return x, x[:, 0] - x[:, 1]

    return elastic_net(Config()), synthetic(sample)


@pytest.fixture(scope="module")
def data():
    """40 examples, 12 correlated columns of different scales and means, 4 of them with an effect; an intercept."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 12)) + draw.normal(size=(40, 1)) + np.arange(12)
    x[:, ::3] *= 2
    w = np.where(np.arange(12) < 4, [1.0, -2.0, 0.5, 1.5] * 3, 0)
    return x, x @ w + 3 + 0.3 * draw.normal(size=40)


def fitted(config, data, steps=1500):
    method = elastic_net(config)
    return method, train(jax.random.key(0), method, epochs(data, len(data[1])), steps, chunk=steps)[0]


def same_as(theirs, method, state, x, some_zeros):
    np.testing.assert_allclose(state.weights, theirs.coef_, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(state.weights) == 0, theirs.coef_ == 0)
    assert ((theirs.coef_ == 0).sum() > 2) == some_zeros
    assert state.bias == pytest.approx(theirs.intercept_, abs=1e-6)
    np.testing.assert_allclose(method.predict(state, jnp.asarray(x)), theirs.predict(x), atol=1e-5)


@pytest.mark.system("reg.l1")
@pytest.mark.parametrize("alpha", [0.02, 0.3])
def test_lasso_is_that_of_scikit_learn_zeros_included(x64, data, alpha):
    theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(*data)
    same_as(theirs, *fitted(Config(l1=alpha, l2=0.0), data), data[0], some_zeros=True)


@pytest.mark.system("reg.elastic_net")
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.3, 0.9), (0.1, 0.5)])
def test_elastic_net_is_that_of_scikit_learn(x64, data, alpha, l1_ratio):
    theirs = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(*data)
    config = Config(l1=alpha * l1_ratio, l2=alpha * (1 - l1_ratio) / 2)
    same_as(theirs, *fitted(config, data), data[0], some_zeros=True)


@pytest.mark.system("reg.elastic_net")
def test_without_l1_it_is_ridge(x64, data):
    """|y - X w|^2 / (2 n) + l2 |w|^2 is that of ridge with penalty 2 n l2, on centred data."""
    x, y = data[0] - data[0].mean(0), data[1] - data[1].mean()
    _, state = fitted(Config(l1=0.0, l2=0.05), data)
    closed = np.linalg.solve(x.T @ x + 2 * 40 * 0.05 * np.eye(12), x.T @ y)
    np.testing.assert_allclose(state.weights, closed, atol=1e-6)
    np.testing.assert_allclose(state.weights, Ridge(alpha=2 * 40 * 0.05).fit(*data).coef_, atol=1e-6)
    assert (np.asarray(state.weights) != 0).all()


@pytest.mark.system("reg.l1", "reg.elastic_net")
def test_orthogonal_columns_are_thresholded_one_by_one(x64):
    """Centred, X^T X = n I: then w_j = S(x_j . y / n, l1) / (1 + 2 l2)."""
    q = np.linalg.qr(np.column_stack([np.ones(20), np.random.default_rng(1).normal(size=(20, 6))]))[0]
    x = np.sqrt(20) * q[:, 1:]
    y = x @ [2.0, -1.0, 0.3, -0.1, 0.0, 0.6] + 5 + 0.1 * np.random.default_rng(2).normal(size=20)
    correlation = x.T @ y / 20
    _, state = fitted(Config(l1=0.4, l2=0.25), (x, y), 100)
    by_hand = [np.sign(c) * max(abs(c) - 0.4, 0) / 1.5 for c in correlation]
    np.testing.assert_allclose(state.weights, by_hand, atol=1e-12)
    assert (np.asarray(state.weights) == 0).sum() == 3
    assert state.bias == pytest.approx(y.mean(), abs=1e-12)


def test_soft_threshold_minimises_its_own_problem(x64):
    """argmin_u (u - v)^2 / 2 + 0.7 |u| on a grid."""
    grid = np.linspace(-4, 4, 80_001)
    v = np.array([-3.0, -0.7, -0.2, 0.0, 0.69, 0.71, 2.5])
    best = [grid[((grid - a) ** 2 / 2 + 0.7 * abs(grid)).argmin()] for a in v]
    np.testing.assert_allclose(soft_threshold(jnp.asarray(v), 0.7), best, atol=1e-4)


def test_metrics_written_out(x64, data):
    config = Config(l1=0.3, l2=0.02)
    method, state = fitted(config, data, 30)
    x, y = data
    w, b = np.asarray(state.weights), float(state.bias)
    metrics = method.evaluate(jax.random.key(0), state, (jnp.asarray(x), jnp.asarray(y)))
    residual = y - x @ w - b
    penalised = (residual**2).sum() / 80 + 0.3 * abs(w).sum() + 0.02 * (w**2).sum()
    assert metrics["objective"] == pytest.approx(penalised, rel=1e-12)
    assert objective(config, *map(jnp.asarray, (w, b, x, y))) == pytest.approx(penalised, rel=1e-12)
    assert metrics["r2"] == pytest.approx(1 - residual.var() / y.var() - residual.mean() ** 2 / y.var(), rel=1e-10)
    assert metrics["nonzero"] == (w != 0).sum()


def test_momentum_needs_a_fraction_of_the_steps(x64, data):
    """The same proximal step without momentum, in NumPy, is far from the minimum when ours has reached it."""
    x, y = data[0] - data[0].mean(0), data[1] - data[1].mean()
    scale, plain = np.linalg.eigvalsh(x.T @ x / 40)[-1], np.zeros(12)
    for _ in range(150):
        moved = plain - x.T @ (x @ plain - y) / 40 / scale
        plain = np.sign(moved) * np.maximum(abs(moved) - 0.02 / scale, 0)
    lasso = Lasso(alpha=0.02, tol=1e-12, max_iter=100_000).fit(*data).coef_
    _, state = fitted(Config(l1=0.02, l2=0.0), data, 150)
    assert abs(state.weights - lasso).max() < 0.1 * abs(plain - lasso).max()


@pytest.mark.system("reg.elastic_net")
def test_a_whole_path_is_one_program(x64, data):
    penalties = (0.01, 0.1, 1.0, 10.0)
    path = varied(elastic_net, [Config(l1=penalty, l2=0.0) for penalty in penalties])
    state, history = train(jax.random.key(0), path, epochs(data, 40), 1500, chunk=1500)
    for penalty, weights in zip(penalties, state.weights, strict=True):
        theirs = Lasso(alpha=penalty, tol=1e-12, max_iter=100_000).fit(*data)
        np.testing.assert_allclose(weights, theirs.coef_, atol=1e-6)
    assert history["nonzero"][-1, -1] < history["nonzero"][-1, 0]


def test_bad_input_is_named(key):
    with pytest.raises(ConfigError, match="elastic_net: l1 is -0.1"):
        elastic_net(Config(l1=-0.1))
    with pytest.raises(ConfigError, match="elastic_net: l2 is inf|elastic_net: l2 is nan"):
        elastic_net(Config(l2=float("nan")))
    with pytest.raises(DataError, match="elastic_net: x has shape"):
        elastic_net(Config()).init(key, (jnp.zeros((0, 2)), jnp.zeros(0)))
