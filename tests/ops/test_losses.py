"""The losses against scikit-learn, closed forms, and what minimises them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn import metrics

from jaxicon.ops.losses import (
    absolute_error,
    absolute_percentage_error,
    hinge_loss,
    huber_loss,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    squared_error,
)

RNG = np.random.default_rng(0)
Y, P = RNG.gamma(1.0, size=31) - 0.7, RNG.normal(size=31)  # skewed: mean and median differ
LOGITS, LABELS = RNG.normal(size=(9, 4)) * 3, np.array([0, 1, 2, 3, 0, 1, 2, 3, 2])
BITS = (Y > 0).astype(float)


@pytest.fixture
def pair(x64):
    return jnp.asarray(P), jnp.asarray(Y)


def best_constant(loss, y):
    """The place of the least mean loss on a grid of constants."""
    grid = np.linspace(-4, 4, 8001)
    means = jax.vmap(lambda c: loss(jnp.full_like(y, c), y).mean())(jnp.asarray(grid))
    return grid[np.argmin(means)]


@pytest.mark.system("loss.mse")
def test_squared_error_is_scikit_learns_and_the_mean_minimises_it(pair):
    assert float(squared_error(*pair).mean()) == pytest.approx(metrics.mean_squared_error(Y, P), rel=1e-14)
    assert best_constant(squared_error, pair[1]) == pytest.approx(Y.mean(), abs=1e-3)


@pytest.mark.system("loss.mae")
def test_absolute_error_is_scikit_learns_and_the_median_minimises_it(pair):
    assert float(absolute_error(*pair).mean()) == pytest.approx(metrics.mean_absolute_error(Y, P), rel=1e-14)
    assert best_constant(absolute_error, pair[1]) == pytest.approx(np.median(Y), abs=1e-3)
    assert abs(np.median(Y) - Y.mean()) > 0.05
    slopes = jax.grad(lambda p: absolute_error(p, jnp.zeros(3)).sum())(jnp.array([-2.0, 0, 2]))
    np.testing.assert_array_equal(slopes, [-1, 1, 1])


@pytest.mark.system("loss.mape")
def test_absolute_percentage_error_is_scikit_learns_fraction(pair):
    expected = metrics.mean_absolute_percentage_error(Y, P)
    assert float(absolute_percentage_error(*pair).mean()) == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(absolute_percentage_error(jnp.array([110.0, -90]), jnp.array([100.0, -100])), 0.1)
    zero = absolute_percentage_error(jnp.array([0.5]), jnp.array([0.0]))
    assert float(zero[0]) == metrics.mean_absolute_percentage_error([0.0], [0.5])


@pytest.mark.system("loss.huber")
@pytest.mark.parametrize("delta", [0.5, 1.0, 2.0])
def test_huber_is_quadratic_then_linear_without_a_kink(x64, delta):
    r = np.linspace(-4, 4, 161)
    expected = np.where(abs(r) <= delta, r**2 / 2, delta * (abs(r) - delta / 2))
    value = lambda p: huber_loss(p, jnp.zeros_like(p), delta=delta)
    np.testing.assert_allclose(value(jnp.asarray(r)), expected, atol=1e-15)
    slope = jax.vmap(jax.grad(value))(jnp.asarray(r))
    np.testing.assert_allclose(slope, np.clip(r, -delta, delta), atol=1e-15)  # continuous where |r| = delta


@pytest.mark.system("loss.bce")
def test_binary_cross_entropy_of_logits(pair):
    logits, bits = pair[0] * 5, jnp.asarray(BITS)
    mean = lambda logits: sigmoid_binary_cross_entropy(logits, bits).mean()
    assert float(mean(logits)) == pytest.approx(metrics.log_loss(BITS, expit(5 * P)), rel=1e-12)
    np.testing.assert_allclose(31 * jax.grad(mean)(logits), expit(5 * P) - BITS, atol=1e-14)


@pytest.mark.system("loss.bce")
def test_binary_cross_entropy_is_linear_far_from_the_origin():
    """In float32, where the probability has long been rounded to 0 or 1."""
    logits, bits = jnp.array([-1e3, -1e3, 1e3, 1e3]), jnp.array([0.0, 1, 0, 1])
    np.testing.assert_array_equal(sigmoid_binary_cross_entropy(logits, bits), [0, 1e3, 1e3, 0])
    slopes = jax.grad(lambda logits: sigmoid_binary_cross_entropy(logits, bits).sum())(logits)
    np.testing.assert_array_equal(slopes, [0, -1, 1, 0])


@pytest.mark.system("loss.cce")
def test_categorical_cross_entropy_of_logits(x64):
    logits, one_hot = jnp.asarray(LOGITS), jnp.asarray(np.eye(4)[LABELS])
    mean = lambda logits: softmax_cross_entropy(logits, one_hot).mean()
    assert float(mean(logits)) == pytest.approx(metrics.log_loss(LABELS, softmax(LOGITS, 1)), rel=1e-12)
    np.testing.assert_allclose(9 * jax.grad(mean)(logits), softmax(LOGITS, 1) - np.eye(4)[LABELS], atol=1e-14)
    soft = softmax(LOGITS[::-1], 1)  # targets may be any probabilities
    expected = -(soft * log_softmax(LOGITS, 1)).sum(1)
    np.testing.assert_allclose(softmax_cross_entropy(logits, jnp.asarray(soft)), expected, rtol=1e-13)


@pytest.mark.system("loss.cce")
def test_two_classes_are_the_binary_case_and_a_guess_among_k_costs_log_k(x64):
    logits, bits = LOGITS[:, :2], np.array([0, 1, 0, 1, 1, 0, 0, 1, 1])
    p = expit(logits[:, 1] - logits[:, 0])
    expected = -bits * np.log(p) - (1 - bits) * np.log1p(-p)
    np.testing.assert_allclose(softmax_cross_entropy(jnp.asarray(logits), jnp.asarray(np.eye(2)[bits])), expected)
    np.testing.assert_allclose(softmax_cross_entropy(jnp.full((3, 7), 2.0), jnp.eye(7)[:3]), np.log(7), rtol=1e-14)


@pytest.mark.system("loss.sparse_cce")
def test_integer_labels_are_one_hot_rows(x64):
    losses = softmax_cross_entropy_with_integer_labels(jnp.asarray(LOGITS), jnp.asarray(LABELS))
    np.testing.assert_allclose(losses, -log_softmax(LOGITS, 1)[np.arange(9), LABELS], rtol=1e-13)
    one_hot = softmax_cross_entropy(jnp.asarray(LOGITS), jnp.asarray(np.eye(4)[LABELS]))
    np.testing.assert_allclose(losses, one_hot, rtol=1e-13)
    characters = jnp.asarray(LOGITS).reshape(3, 3, 4)  # a batch of texts
    np.testing.assert_allclose(
        softmax_cross_entropy_with_integer_labels(characters, jnp.asarray(LABELS).reshape(3, 3)), losses.reshape(3, 3)
    )


@pytest.mark.system("loss.cce", "loss.sparse_cce")
def test_cross_entropies_are_finite_at_huge_logits():
    logits = jnp.array([[1e3, -1e3, 0.0]] * 3)
    np.testing.assert_array_equal(softmax_cross_entropy(logits, jnp.eye(3)), [0, 2e3, 1e3])
    np.testing.assert_array_equal(softmax_cross_entropy_with_integer_labels(logits, jnp.arange(3)), [0, 2e3, 1e3])


@pytest.mark.system("loss.hinge")
def test_hinge_loss_is_scikit_learns(pair):
    signs = 2 * BITS - 1
    losses = hinge_loss(pair[0], jnp.asarray(signs))
    assert float(losses.mean()) == pytest.approx(metrics.hinge_loss(signs, P), rel=1e-14)
    np.testing.assert_array_equal(hinge_loss(jnp.array([-1.0, 0, 1, 3]), jnp.ones(4)), [2, 1, 0, 0])


@pytest.mark.system("loss.hinge")
def test_a_linear_model_of_least_hinge_loss_is_a_support_vector_machine(x64):
    """Averaged descent of |w|^2 / 2 + c sum(hinge), which is 1-strongly convex, against LinearSVC."""
    from sklearn.svm import LinearSVC

    x = RNG.normal(size=(80, 4))
    y = np.sign(x @ [1.0, -2, 0, 0.5] + RNG.normal(size=80))
    c, steps = 0.02, 5000
    objective = lambda w: (w @ w) / 2 + c * hinge_loss(jnp.asarray(x) @ w, jnp.asarray(y)).sum()

    def step(t, carry):
        w, mean = carry
        w = w - jax.grad(objective)(w) / (t + 1)
        return w, mean + (w - mean) * 2 / (t + 2)  # later iterates weigh more

    _, w = jax.jit(lambda: jax.lax.fori_loop(0, steps, step, (jnp.zeros(4), jnp.zeros(4))))()
    svm = LinearSVC(loss="hinge", C=c, fit_intercept=False, tol=1e-10, max_iter=1_000_000, random_state=0).fit(x, y)
    theirs = float(objective(jnp.asarray(svm.coef_[0])))
    assert float(objective(w)) == pytest.approx(theirs, abs=1e-3)
    np.testing.assert_allclose(w, svm.coef_[0], atol=0.03)
