"""The linear probe against scikit-learn's logistic regression, whose C is 1 / penalty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jaxicon.data.digits import digits
from jaxicon.representation.linear_probe import Probe, accuracy, linear_probe, logits, objective


@pytest.mark.system("repr.linear_probe")
@pytest.mark.parametrize("penalty", [0.3, 3.0])
def test_is_the_logistic_regression_of_scikit_learn(x64, penalty):
    (x, y), (x_test, y_test) = digits()
    mean, std = x.mean(0), x.std(0) + 0.1
    x, x_test = ((part - mean) / std for part in (x.astype(float)[:120], x_test.astype(float)))
    known = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=5000).fit(x, y[:120])
    probe = jax.jit(lambda: linear_probe(jnp.asarray(x), jnp.asarray(y[:120]), 10, penalty, 3000))()
    np.testing.assert_allclose(probe.weights, known.coef_.T, atol=1e-5)
    np.testing.assert_allclose(
        jax.nn.softmax(logits(probe, jnp.asarray(x_test))), known.predict_proba(x_test), atol=1e-5
    )
    assert accuracy(probe, jnp.asarray(x_test), jnp.asarray(y_test)) == pytest.approx(known.score(x_test, y_test))


def test_the_default_number_of_iterations_is_enough_for_fifty_labels():
    """In float32, as the experiments use it: within a thousandth of the minimum."""
    x, y = digits().train
    x, y = ((x - x.mean(0)) / (x.std(0) + 1e-6))[:50], y[:50]
    known = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(x, y)
    best = Probe(jnp.asarray(known.coef_.T), jnp.asarray(known.intercept_))
    reached = jax.jit(lambda: linear_probe(jnp.asarray(x), jnp.asarray(y), 10))()
    value = lambda probe: float(objective(probe, jnp.asarray(x), jnp.asarray(y), 1.0))
    assert value(reached) == pytest.approx(value(best), rel=1e-3)
