"""The race against NumPy loops run by run; Newton's method against SciPy; the problems against what is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize, rosen
from scipy.special import expit, log_softmax

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing, synthetic
from jaxicon.foundations.optimizers import (
    Config,
    Problem,
    classification,
    optimizers,
    quadratic,
    rosenbrock,
    saddle,
    trajectory,
)
from jaxicon.nn.mlp import mlp
from jaxicon.ops.optimizers import BY_GRADIENT, adam, gradient_descent, momentum, newton

THREE = {"gradient_descent": gradient_descent, "momentum": momentum, "adam": adam}


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    return optimizers(Config(learning_rates=(1e-3, 1e-1)), classification(mlp(4, 3)), THREE), stream


def by_hand(rule, rate, hessian, w, steps):
    """[steps + 1, n]: a rule on w^T A w / 2, in NumPy."""
    path, m, v = [w], 0 * w, 0 * w
    for t in range(1, steps + 1):
        g = hessian @ w
        if rule == "gradient_descent":
            w = w - rate * g
        elif rule == "momentum":
            m = 0.9 * m + g
            w = w - rate * m
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            w = w - rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        path.append(w)
    return np.array(path)


def hessian_of(problem, w):
    return np.asarray(jax.hessian(problem.value)(jnp.asarray(w), None))


def test_every_run_of_the_race_is_its_loop(key, x64):
    rates = (0.01, 0.1)
    problem = quadratic((1.0, 7.0, 3.0))
    method = optimizers(Config(rates), problem, THREE)
    start = method.init(jax.random.clone(key), None)
    assert start.params.shape == (3, 2, 3)
    first = np.asarray(start.params[0, 0])
    state = start
    for _ in range(12):
        before = state
        state, metrics = jax.jit(method.step)(jax.random.key(1), state, None)
    a = hessian_of(problem, first)
    measured = method.evaluate(jax.random.key(1), state, None)
    for i, rule in enumerate(THREE):
        paths = [by_hand(rule, rate, a, first, 12) for rate in rates]
        np.testing.assert_allclose(state.params[i], [p[12] for p in paths], atol=1e-12)
        np.testing.assert_allclose(before.params[i], [p[11] for p in paths], atol=1e-12)
        losses = [[p[t] @ a @ p[t] / 2 for p in paths] for t in (11, 12)]
        assert metrics[f"loss_{rule}"] == pytest.approx(min(losses[0]), rel=1e-10)
        assert measured[f"loss_{rule}"] == pytest.approx(min(losses[1]), rel=1e-10)
        assert measured[f"rate_{rule}"] == rates[np.argmin(losses[1])]


def test_a_rate_that_diverges_stops_and_leaves_the_others_alone(key):
    rates = (0.05, 1e3)
    method = optimizers(Config(rates), quadratic((1.0, 10.0)), BY_GRADIENT | {"newton": newton})
    state, history = train(jax.random.clone(key), method, nothing, 60)
    assert all(np.isfinite(x).all() for x in [*history.values(), *jax.tree.leaves(state)])
    measured = evaluate(jax.random.clone(key), method, state, nothing, 1)
    assert measured["rate_gradient_descent"] == np.float32(0.05)
    assert measured["loss_gradient_descent"] == pytest.approx(0.95**120 / 2, rel=1e-3)
    assert abs(state.params[0, 1]).max() > 1e30  # went on as long as it could
    alone = optimizers(Config(rates[:1]), quadratic((1.0, 10.0)), THREE)
    lone, _ = train(jax.random.clone(key), alone, nothing, 60)
    np.testing.assert_allclose(state.params[0, 0], lone.params[0, 0], rtol=1e-5)


@pytest.mark.system("opt.newton")
@pytest.mark.parametrize("eigenvalues", [(1e-3, 1.0, 1e3), (-2.0, 0.5, 4.0)])
def test_newton_solves_any_quadratic_in_one_step(eigenvalues, x64):
    """Whether its stationary point is a minimum or, as in the second, a saddle."""
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(3, 3)))[0]
    a, b, start = basis @ np.diag(eigenvalues) @ basis.T, random.normal(size=3), random.normal(size=3)
    value = lambda w: w @ jnp.asarray(a) @ w / 2 - jnp.asarray(b) @ w
    path, _ = trajectory(newton(), value, jnp.asarray(start), 1)
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_allclose(path[1], np.linalg.solve(a, b), rtol=1e-9)
    half, _ = trajectory(newton(0.5), value, jnp.asarray(start), 1)
    np.testing.assert_allclose(half[1], (start + np.linalg.solve(a, b)) / 2, rtol=1e-9)


@pytest.mark.system("opt.newton")
def test_the_race_hands_newton_the_loss(key, x64):
    method = optimizers(Config((1.0, 0.5)), quadratic((1.0, 7.0, 3.0)), THREE | {"newton": newton})
    start = method.init(key, None)
    after, _ = method.step(jax.random.key(1), start, None)
    np.testing.assert_allclose(after.params[3], [0 * start.params[3, 0], start.params[3, 1] / 2], atol=1e-12)


@pytest.mark.system("opt.newton")
def test_newton_converges_quadratically_to_the_optimum_of_a_logistic_regression(x64):
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 4))
    y = (random.uniform(size=60) < expit(x @ [2, -1, 0.5, 0])).astype(float)
    value = lambda w, np=np: (np.logaddexp(0, x @ w) - y * (x @ w)).mean() + 0.01 * w @ w
    slope = lambda w: x.T @ (expit(x @ w) - y) / 60 + 0.02 * w
    hessian = lambda w: (x.T * (expit(x @ w) * expit(-x @ w))) @ x / 60 + 0.02 * np.eye(4)
    by_scipy = minimize(value, np.zeros(4), jac=slope, hess=hessian, method="newton-cg", options={"xtol": 1e-14}).x
    path, values = trajectory(newton(), lambda w: value(w, jnp), jnp.zeros(4), 8)
    path = np.asarray(path)
    # A gradient of norm e is at most e / 0.02 from the optimum: all eigenvalues of the Hessian are above 0.02.
    assert np.linalg.norm(path[-1] - by_scipy) <= np.linalg.norm(slope(by_scipy)) / 0.02 < 1e-5
    assert np.linalg.norm(slope(path[-1])) < 1e-14
    errors = np.linalg.norm(path - path[-1], axis=1)[1:5]
    assert (errors[1:] < errors[:-1] ** 2).all(), errors
    assert (np.diff(values)[:4] < 0).all()


def test_a_trajectory_on_a_quadratic_is_its_closed_form(key, x64):
    problem = quadratic((1.0, 10.0))
    start = problem.init(key, None)
    path, values = trajectory(gradient_descent(0.08), lambda w: problem.value(w, None), start, 20)
    t = np.arange(21)
    np.testing.assert_allclose(values, (1 * (1 - 0.08) ** (2 * t) + 10 * (1 - 0.8) ** (2 * t)) / 2, rtol=1e-9)
    assert path.shape == (21, 2)


def test_the_problems_are_those_they_are_called_after(key, x64):
    a = hessian_of(quadratic((3.0, 0.5, 20.0)), np.zeros(3))
    np.testing.assert_allclose(np.linalg.eigvalsh(a), [0.5, 3, 20], rtol=1e-12)
    assert abs(a[np.triu_indices(3, 1)]).min() > 0.1  # no eigenvector is an axis
    start = quadratic((3.0, 0.5, 20.0)).init(jax.random.clone(key), None)
    assert start @ a @ start == pytest.approx(23.5)
    for w in np.random.default_rng(0).normal(size=(5, 2)):
        assert rosenbrock().value(jnp.asarray(w), None) == pytest.approx(rosen(w), rel=1e-12)
        assert saddle().value(jnp.asarray(w), None) == pytest.approx(w[0] ** 2 - w[1] ** 2 + w[1] ** 4 / 4)
        assert saddle().value(jnp.asarray(w), None) >= -1
    np.testing.assert_array_equal(hessian_of(saddle(), np.zeros(2)), np.diag([2.0, -2.0]))
    assert saddle().value(jnp.array([0.0, 2**0.5]), None) == pytest.approx(-1)
    np.testing.assert_allclose(rosenbrock().init(jax.random.clone(key), None), [-1.2, 1], atol=0.3)
    x, y = saddle().init(jax.random.clone(key), None)
    assert (x, 0 < abs(y) < 1e-3) == (1, True)


def test_classification_is_the_cross_entropy_of_the_logits(key, x64):
    net = mlp(4, 3)
    problem = classification(net)
    x, y = jax.random.normal(key, (6, 5)), jnp.array([0, 1, 2, 2, 1, 0])
    params = problem.init(jax.random.key(1), (x, y))
    expected = -log_softmax(np.asarray(net.apply(params, x)), axis=1)[np.arange(6), np.asarray(y)].mean()
    assert problem.value(params, (x, y)) == pytest.approx(expected, rel=1e-12)


def test_the_start_and_the_batches_are_common_to_all():
    method, stream = example()
    start = method.init(jax.random.key(0), stream.draw(jax.random.key_data(jax.random.key(1)), ()))
    for leaf in jax.tree.leaves(start.params):
        assert leaf.shape[:2] == (3, 2)
        np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1, :1], leaf.shape))


def test_bad_numbers_and_shapes_are_named(key):
    problem = Problem(lambda key, batch: jnp.zeros(2), lambda w, batch: w @ w)
    with pytest.raises(ConfigError, match=r"optimizers: learning_rates\[1\] is -1.0"):
        optimizers(Config((0.1, -1.0)), problem)
    with pytest.raises(ConfigError, match="0 learning_rates, 11 rules"):
        optimizers(Config(()), problem)
    with pytest.raises(ConfigError, match="9 learning_rates, 0 rules"):
        optimizers(Config(), problem, {})
    with pytest.raises(ConfigError, match=r"quadratic: eigenvalues\[0\] is 0"):
        quadratic((0.0, 1.0))
    with pytest.raises(DataError, match="classification: x has shape"):
        classification(mlp(3)).init(key, (jnp.zeros(4), jnp.zeros(4, jnp.int32)))
