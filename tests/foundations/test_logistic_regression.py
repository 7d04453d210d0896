"""Logistic regression against scikit-learn, and its Hessian against jax.hessian and difference quotients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, resident
from jaxicon.foundations.logistic_regression import (
    Config,
    Params,
    hessian,
    logistic_regression,
    newton_step,
    objective,
    scores,
)


def table(classes):
    """Standardised: ten measurements of tumours, or four of irises."""
    x, y = (load_breast_cancer if classes == 2 else load_iris)(return_X_y=True)
    x = x[:, :10]
    return (x - x.mean(0)) / x.std(0), y.astype(np.int32)


def example():
    x, y = table(3)
    return logistic_regression(Config(), 3, len(x)), resident((x.astype(np.float32), y), 16)


def random_params(classes, features, scale, seed):
    random, columns = np.random.RandomState(seed), classes if classes > 2 else 1
    return Params(
        jnp.asarray(scale * random.normal(size=(features, columns))), jnp.asarray(random.normal(size=columns))
    )


def oracle(x, y, c):
    """Its solver that does not stop early, as L-BFGS does at a relative change of the objective of 64 eps."""
    return LogisticRegression(C=c, tol=1e-12, solver="newton-cholesky").fit(x, y)


def centred(params):
    """A common number on all biases changes nothing: the representative with mean 0."""
    return params.weights, params.bias - (params.bias.mean() if len(params.bias) > 1 else 0)


@pytest.mark.slow
@pytest.mark.system("opt.logreg_convex")
@pytest.mark.parametrize("classes", [2, 3])
def test_every_start_ends_in_the_minimum_of_scikit_learn(x64, classes):
    x, y = table(classes)
    c = 0.05
    method = logistic_regression(Config(0.5, c, start_scale=3.0), classes, len(x))
    keys = jax.random.split(jax.random.key(5), 4)
    states, history = train(keys, method, epochs((x, y), len(x)), 1500, chunk=500)
    other = oracle(x, y, c)
    starts = history["objective"][:, 0]
    assert starts.std() > 0.1, "they start far apart"
    for i in range(4):
        state = jax.tree.map(lambda leaf, i=i: leaf[i], states)
        weights, bias = centred(state.params)
        np.testing.assert_allclose(weights, other.coef_.T, atol=1e-6)
        np.testing.assert_allclose(bias, other.intercept_, atol=1e-6)
        p = jax.nn.softmax(method.predict(state, jnp.asarray(x)))
        np.testing.assert_allclose(p, other.predict_proba(x), atol=1e-6)
    found = evaluate(keys, method, states, epochs((x, y), len(x)), 1)
    np.testing.assert_allclose(found["accuracy"], other.score(x, y))


def by_hand(params, x, y, penalty):
    """Mean of -log p, row by row, and the penalty."""
    total = 0
    params = jax.tree.map(np.asarray, params)
    for row, label in zip(x, y, strict=True):
        logits = row @ params.weights + params.bias
        logits = np.array([0, *logits]) if len(logits) == 1 else logits
        total -= logits[label] - np.log(np.exp(logits).sum())
    return float(total / len(x) + penalty * (params.weights**2).sum() / 2)


@pytest.mark.slow
@pytest.mark.system("opt.logreg_convex")
@pytest.mark.parametrize("classes", [2, 3])
def test_the_hessian_is_that_of_jax_and_has_no_negative_eigenvalue(x64, classes):
    x, y = table(classes)
    for seed, scale in enumerate((0.1, 1.0, 3.0)):
        params = random_params(classes, x.shape[1], scale, seed)
        flat = lambda p: jnp.concatenate([p.weights, p.bias[None]]).ravel()
        shape = (x.shape[1] + 1, params.bias.size)
        cut = lambda v, shape=shape: Params(v.reshape(shape)[:-1], v.reshape(shape)[-1])
        value = lambda v, cut=cut: objective(cut(v), jnp.asarray(x), jnp.asarray(y), 0.01)
        assert float(value(flat(params))) == pytest.approx(by_hand(params, x, y, 0.01), rel=1e-12)
        found = np.asarray(hessian(params, jnp.asarray(x), 0.01))
        np.testing.assert_allclose(found, jax.hessian(value)(flat(params)), atol=1e-12)
        eigenvalues = np.linalg.eigvalsh(found)
        assert eigenvalues.min() > -1e-12
        bare = np.linalg.eigvalsh(np.asarray(hessian(params, jnp.asarray(x), 0.0)))
        assert bare.min() > -1e-12, "convex without a penalty, too"
        assert ((eigenvalues < 1e-9).sum() == 1) == (classes > 2), "flat along the sum of the biases, and only there"


@pytest.mark.system("opt.logreg_convex")
def test_a_hidden_layer_takes_the_convexity_away(x64):
    """The negative control: with all weights at zero, exclusive or is a saddle of a network with two hidden units."""
    x, y = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), jnp.array([0.0, 1, 1, 0])

    def loss(v):
        logits = jnp.tanh(x @ v[:4].reshape(2, 2) + v[4:6][None]) @ v[6:8] + v[8]
        return jnp.logaddexp(0, -(2 * y - 1) * logits).mean()

    start = jnp.array([1.0, 0.5, -0.5, 1.0, 0.1, 0.2, 0.0, 0.0, 0.0])
    assert np.linalg.eigvalsh(jax.hessian(loss)(start)).min() < -1e-3


@pytest.mark.system("opt.logreg_convex")
def test_newton_reaches_the_minimum_in_a_few_steps(x64):
    x, y = table(2)
    given = jnp.asarray(x), jnp.asarray(y), 1 / (1.0 * len(x))
    params = Params(jnp.zeros((10, 1)), jnp.zeros(1))
    step = jax.jit(newton_step)
    for _ in range(8):
        params = step(params, *given)
    other = oracle(x, y, 1.0)
    np.testing.assert_allclose(params.weights, other.coef_.T, atol=1e-9)
    np.testing.assert_allclose(params.bias, other.intercept_, atol=1e-9)
    np.testing.assert_allclose(scores(params, given[0])[:, 1], other.decision_function(x), atol=1e-8)


def test_bad_input(key):
    with pytest.raises(ConfigError, match="logistic_regression: inverse_penalty is 0"):
        logistic_regression(Config(inverse_penalty=0.0), 3, 10)
    with pytest.raises(ConfigError, match="logistic_regression: classes is 1"):
        logistic_regression(Config(), 1, 10)
    with pytest.raises(DataError, match="logistic_regression: x has shape"):
        logistic_regression(Config(), 3, 10).init(key, (jnp.zeros(3), jnp.zeros(3, jnp.int32)))
