"""The perceptron against NumPy, scikit-learn's Perceptron in the same order, and Novikoff's theorem."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import Perceptron

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.foundations.perceptron import Config, State, corrected, heaviside, mistake_bound, neuron, perceptron

SEPARATOR = np.array([2.0, -1]), 0.3


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (6, 3)), jnp.arange(6) % 2))
    return perceptron(Config()), stream


def separable(examples=60, margin=0.1, seed=0):
    """Points of the square, none nearer than `margin` to the line SEPARATOR."""
    random, (w, b) = np.random.RandomState(seed), SEPARATOR
    x = random.uniform(-1, 1, (20 * examples, 2))
    distance = (x @ w + b) / np.linalg.norm(w)
    x = x[abs(distance) > margin][:examples]
    return x, (x @ w + b > 0).astype(int)


def run(method, x, y, passes):
    """The state after every pass over the examples in order, one batch a pass."""
    batch = jnp.asarray(x), jnp.asarray(y)
    states = [method.init(jax.random.key(0), batch)]
    step = jax.jit(method.step)
    for _ in range(passes):
        states.append(step(jax.random.key(1), states[-1], batch)[0])
    return states[1:]


@pytest.mark.system("found.perceptron_forward")
def test_a_neuron_is_a_weighted_sum_a_bias_and_an_activation(x64):
    random = np.random.RandomState(0)
    w, b, x = random.normal(size=(4, 3)), random.normal(size=3), random.normal(size=4)
    total = np.array([sum(w[i, k] * x[i] for i in range(4)) + b[k] for k in range(3)])
    given = jnp.asarray(w), jnp.asarray(b), jnp.asarray(x)
    np.testing.assert_array_equal(neuron(*given), np.where(total > 0, 1.0, 0.0))
    np.testing.assert_allclose(neuron(*given, jax.nn.sigmoid), expit(total), atol=1e-14)
    one = neuron(given[0][:, 0], given[1][0], given[2], jax.nn.sigmoid)
    assert one == pytest.approx(expit(total[0]), abs=1e-14)
    assert heaviside(jnp.array([-1.0, 0, 1])).tolist() == [0, 0, 1]


@pytest.mark.system("found.perceptron_forward")
def test_the_bias_shifts_the_activation():
    x = jnp.linspace(-3, 3, 13)
    out = jax.vmap(lambda x: neuron(jnp.array([2.0]), jnp.array(3.0), x[None]))(x)
    np.testing.assert_array_equal(out, np.asarray(x) > -1.5)


@pytest.mark.system("found.perceptron_forward")
def test_layers_without_a_step_collapse_to_one_affine_map(x64):
    """Through a layer of two neurons the map has rank two, as the product of the matrices; with tanh it has more."""
    random = np.random.RandomState(1)
    layers = [(random.normal(size=s), random.normal(size=s[1])) for s in [(5, 4), (4, 2), (2, 6)]]

    def stack(x, activation):
        for w, b in layers:
            x = neuron(jnp.asarray(w), jnp.asarray(b), x, activation)
        return x

    x = random.normal(size=(40, 5))
    out = np.asarray(jax.vmap(lambda x: stack(x, lambda z: z))(jnp.asarray(x)))
    (a, p), (b, q), (c, r) = layers
    np.testing.assert_allclose(out, x @ (a @ b @ c) + ((p @ b + q) @ c + r), atol=1e-12)
    assert np.linalg.matrix_rank(out - out[0]) == 2
    bent = np.asarray(jax.vmap(lambda x: stack(x, jnp.tanh))(jnp.asarray(x)))
    assert np.linalg.matrix_rank(bent - bent[0]) > 2


@pytest.mark.system("found.perceptron_rule")
def test_one_mistake_moves_by_the_error_times_the_input(x64):
    x = np.array([[1.0, 2], [1, 2], [-3, 1]])
    state = State(jnp.array([0.5, -1.0]), jnp.array(0.25), jnp.int32(3))
    down = corrected(state._replace(weights=jnp.array([0.5, 1.0])), jnp.asarray(x[0]), jnp.array(0), 0.1)
    np.testing.assert_allclose(down.weights, [0.4, 0.8], atol=1e-14)  # y - y^ = -1
    assert (float(down.bias), int(down.mistakes)) == (pytest.approx(0.15), 4)
    up = corrected(state, jnp.asarray(x[1]), jnp.array(1), 0.1)
    np.testing.assert_allclose(up.weights, [0.6, -0.8], atol=1e-14)  # y - y^ = 1
    assert (float(up.bias), int(up.mistakes)) == (pytest.approx(0.35), 4)
    same = corrected(state, jnp.asarray(x[2]), jnp.array(0), 0.1)
    np.testing.assert_array_equal(same.weights, state.weights)  # y - y^ = 0
    assert int(same.mistakes) == 3


@pytest.mark.system("found.perceptron_rule")
@pytest.mark.parametrize("rate", [1.0, 0.3])
@pytest.mark.parametrize("passes", [1, 4])
def test_weights_are_those_of_scikit_learn_in_the_same_order(x64, rate, passes):
    """On classes that overlap, so that every pass has mistakes."""
    random = np.random.RandomState(3)
    y = random.randint(0, 2, 80)
    x = random.normal(size=(80, 4)) + 0.5 * y[:, None]
    other = Perceptron(eta0=rate, max_iter=passes, tol=None, shuffle=False).fit(x, y)
    state = run(perceptron(Config(rate)), x, y, passes)[-1]
    np.testing.assert_allclose(state.weights, other.coef_[0], atol=1e-12)
    assert float(state.bias) == pytest.approx(other.intercept_[0], abs=1e-12)
    np.testing.assert_array_equal(perceptron(Config()).predict(state, jnp.asarray(x)), other.predict(x))


@pytest.mark.system("found.perceptron_rule")
def test_batches_of_one_and_of_many_are_the_same_rule(x64):
    x, y = separable()
    method = perceptron(Config())
    whole = run(method, x, y, 1)[0]
    step = jax.jit(method.step)
    state = method.init(jax.random.key(0), (jnp.asarray(x), jnp.asarray(y)))
    mistakes = 0
    for i in range(len(x)):
        state, metrics = step(jax.random.key(0), state, (jnp.asarray(x[i : i + 1]), jnp.asarray(y[i : i + 1])))
        mistakes += metrics["mistakes"]
    assert all((a == b).all() for a, b in zip(state, whole, strict=True))
    assert mistakes == state.mistakes > 0


@pytest.mark.system("found.perceptron_rule")
@pytest.mark.parametrize("margin", [0.03, 0.1, 0.3])
def test_mistakes_on_a_separable_set_stay_below_the_bound(x64, margin):
    x, y = separable(margin=margin)
    w, b = SEPARATOR
    padded = np.column_stack([x, np.ones(len(x))])
    unit = np.array([*w, b]) / np.linalg.norm([*w, b])
    exact = max(sum(row**2) for row in padded) / min(abs(row @ unit) for row in padded) ** 2
    bound = mistake_bound(jnp.asarray(x), jnp.asarray(y), jnp.asarray(w), jnp.asarray(b))
    assert bound == pytest.approx(exact, rel=1e-12)
    method = perceptron(Config())
    last = run(method, x, y, 200)
    assert 0 < last[-1].mistakes <= exact
    assert last[-1].mistakes == last[-2].mistakes, "the last pass had no mistake"
    np.testing.assert_array_equal(method.predict(last[-1], jnp.asarray(x)), y)
    own = mistake_bound(jnp.asarray(x), jnp.asarray(y), last[-1].weights, last[-1].bias)
    assert last[-1].mistakes <= own < np.inf, "any separator gives a bound, also the one that was found"


@pytest.mark.system("found.perceptron_rule")
def test_the_bound_is_reached():
    """One example again and again: R = margin, and one mistake is all."""
    x, y = jnp.array([[3.0, -4]]), jnp.array([1])
    assert mistake_bound(x, y, jnp.array([3.0, -4]), jnp.array(1.0)) == pytest.approx(1)
    assert run(perceptron(Config()), x, y, 5)[-1].mistakes == 1


@pytest.mark.system("found.perceptron_rule")
def test_exclusive_or_is_beyond_one_neuron():
    x, y = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), jnp.array([0, 1, 1, 0])
    method = perceptron(Config())
    states = run(method, x, y, 60)
    accuracy = [float(method.evaluate(jax.random.key(0), s, (x, y))["accuracy"]) for s in states]
    assert max(accuracy) <= 0.75
    assert states[-1].mistakes > 60, "at least one a pass, for ever"
    assert mistake_bound(x, y, states[-1].weights, states[-1].bias) == np.inf


def test_the_runner_finds_the_line(key):
    x, y = separable()
    stream = epochs((x.astype(np.float32), y), 10)
    method = perceptron(Config())
    state, history = train(jax.random.clone(key), method, stream, 300)
    found = evaluate(key, method, state, epochs((x.astype(np.float32), y), 60), 1)
    assert found == {"accuracy": 1, "mistakes": history["mistakes"].sum()}


def test_bad_input(key):
    with pytest.raises(ConfigError, match="perceptron: learning_rate is 0"):
        perceptron(Config(learning_rate=0.0))
    with pytest.raises(DataError, match="perceptron: y has shape"):
        perceptron(Config()).init(key, (jnp.zeros((3, 2)), jnp.zeros((3, 1), jnp.int32)))
