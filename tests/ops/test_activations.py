"""The activations against SciPy, closed forms and difference quotients, far from the origin too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxicon.ops.activations import combined_sigmoids, derivative, leaky_relu, relu, sigmoid, softmax, swish, tanh

X = np.concatenate([np.linspace(-9, 9, 1001), [-1e4, -1e3, 1e3, 1e4]])  # 0 is among them
ELEMENTWISE = (sigmoid, tanh, relu, leaky_relu, swish)


@pytest.fixture
def x(x64):
    return jnp.asarray(X)


@pytest.mark.system("act.sigmoid")
def test_sigmoid_is_scipys_and_steepest_at_the_origin(x):
    np.testing.assert_allclose(sigmoid(x), special.expit(X), rtol=1e-14)
    assert sigmoid(0.0) == 0.5
    slopes = derivative(sigmoid, x)
    np.testing.assert_allclose(slopes, special.expit(X) * special.expit(-X), atol=1e-15)
    assert (float(slopes.max()), X[slopes.argmax()]) == (0.25, 0)


@pytest.mark.system("act.tanh")
def test_tanh_is_a_stretched_sigmoid_and_its_slope_reaches_one(x):
    np.testing.assert_allclose(tanh(x), np.tanh(X), rtol=1e-13)
    np.testing.assert_allclose(tanh(x), 2 * special.expit(2 * X) - 1, atol=1e-15)
    slopes = derivative(tanh, x)
    np.testing.assert_allclose(slopes, 1 - np.tanh(X) ** 2, atol=1e-15)
    assert (float(slopes.max()), X[slopes.argmax()]) == (1, 0)


@pytest.mark.system("act.relu")
def test_relu_of_the_notes_matrix_and_no_slope_at_the_kink(x):
    matrix = jnp.array([[-3, 19, 5], [7, -6, 12], [4, -8, 17]])
    np.testing.assert_array_equal(relu(matrix), [[0, 19, 5], [7, 0, 12], [4, 0, 17]])
    np.testing.assert_array_equal(relu(x), np.where(X > 0, X, 0))
    np.testing.assert_array_equal(derivative(relu, x), np.where(X > 0, 1, 0))


@pytest.mark.system("act.leaky_relu")
def test_leaky_relu_has_a_slope_everywhere(x):
    np.testing.assert_allclose(leaky_relu(x), np.where(X > 0, X, 0.01 * X), rtol=1e-15)
    np.testing.assert_allclose(leaky_relu(x, 0.2), np.where(X > 0, X, 0.2 * X), rtol=1e-15)
    np.testing.assert_allclose(derivative(leaky_relu, x), np.where(X >= 0, 1, 0.01), rtol=1e-15)


@pytest.mark.system("act.swish")
def test_swish_has_one_minimum(x):
    np.testing.assert_allclose(swish(x), X * special.expit(X), rtol=1e-14)
    place = special.lambertw(np.exp(-1)).real + 1  # f' = 0 where x = -1 - W(1/e), and f is -W(1/e) there
    assert (round(place, 5), round(place - 1, 5)) == (1.27846, 0.27846)
    assert float(swish(-place)) == pytest.approx(1 - place, rel=1e-14)
    assert float(derivative(swish, jnp.array(-place))) == pytest.approx(0, abs=1e-15)
    assert float(swish(x).min()) >= 1 - place
    sign = np.sign(derivative(swish, x[:1001]))
    np.testing.assert_array_equal(sign, np.where(X[:1001] < -place, -1, 1))


@pytest.mark.slow
@pytest.mark.system("act.softmax")
def test_softmax_is_scipys_whatever_the_shift(x64):
    logits = np.random.default_rng(0).normal(size=(5, 7)) * 3
    np.testing.assert_allclose(softmax(jnp.asarray(logits)), special.softmax(logits, 1), rtol=1e-13)
    shifted = softmax(jnp.asarray(logits + 1e4))
    np.testing.assert_allclose(shifted, special.softmax(logits, 1), rtol=1e-10)
    np.testing.assert_allclose(shifted.sum(1), 1, rtol=1e-14)
    np.testing.assert_array_equal(softmax(jnp.array([1e4, -1e4, 0.0])), [1, 0, 0])
    two = softmax(jnp.stack([jnp.asarray(logits[0]), jnp.zeros(7)]), axis=0)[0]
    np.testing.assert_allclose(two, special.expit(logits[0]), rtol=1e-13)
    p = special.softmax(logits[0])
    np.testing.assert_allclose(jax.jacobian(softmax)(jnp.asarray(logits[0])), np.diag(p) - np.outer(p, p), atol=1e-15)


@pytest.mark.system("act.derivative_figure")
@pytest.mark.parametrize("activation", ELEMENTWISE, ids=lambda f: f.__name__)
def test_plotted_slopes_are_difference_quotients_of_the_plotted_curve(activation, x):
    """Away from the kink; and those of vmap(grad), entry by entry, in an array of any shape."""
    smooth = x[:1001][np.abs(X[:1001]) > 1e-3]
    quotient = (activation(smooth + 1e-5) - activation(smooth - 1e-5)) / 2e-5
    np.testing.assert_allclose(derivative(activation, smooth), quotient, atol=1e-9)
    grid = smooth.reshape(2, 5, 100)
    one_by_one = jax.vmap(jax.grad(activation))(smooth).reshape(grid.shape)
    np.testing.assert_allclose(derivative(activation, grid), one_by_one, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=lambda f: f.__name__)
def test_far_from_the_origin_everything_is_finite_in_float32(activation):
    far = jnp.array([-1e4, -1e3, 1e3, 1e4])
    assert jnp.isfinite(activation(far)).all()
    assert jnp.isfinite(derivative(activation, far)).all()


@pytest.mark.system("found.combine_sigmoids")
def test_the_combination_of_two_sigmoids(x64):
    points = np.array([-4.0, 0, 2.5])
    first, second = special.expit(-1.75 * points - 0.1), special.expit(0.172 * points + 0.15)
    expected = [first, second, first / 4 + second / 2 + 1 / 5]
    np.testing.assert_allclose(combined_sigmoids(jnp.asarray(points)), expected, rtol=1e-14)
    by_hand = 0.25 / (1 + np.exp(0.1)) + 0.5 / (1 + np.exp(-0.15)) + 0.2
    assert float(combined_sigmoids(jnp.zeros(1))[2, 0]) == pytest.approx(by_hand, abs=1e-15)
