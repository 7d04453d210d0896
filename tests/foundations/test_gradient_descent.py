"""Gradient descent against matrix powers and loops in NumPy, and enumeration of all batches."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import parts, train
from jaxicon.core.stream import epochs, nothing, resident
from jaxicon.foundations.gradient_descent import (
    Config,
    State,
    convex_share,
    descended,
    escape_steps,
    finite_population,
    gradient_descent,
    gradients,
    minibatch_variance,
    on_quadratic,
    regime,
    saddle,
    updates,
)


def least_squares(params, batch):
    """Half the mean squared residual of a linear model."""
    x, y = batch
    return ((x @ params - y) ** 2).mean() / 2


def table(examples=12, features=3):
    random = np.random.RandomState(0)
    return random.normal(size=(examples, features)), random.normal(size=examples)


def example():
    x, y = table()
    stream = resident((x.astype(np.float32), y.astype(np.float32)), 4)
    return gradient_descent(Config(0.1), least_squares, lambda key, batch: jax.random.normal(key, (3,))), stream


def by_hand(theta, x, y):
    return x.T @ (x @ theta - y) / len(y)


def path(method, params, batches):
    """Parameters before every step and after the last."""
    step = jax.jit(method.step)
    states = [State(jnp.asarray(params))]
    for batch in batches:
        states.append(step(jax.random.key(0), states[-1], batch)[0])
    return np.array([np.asarray(s.params) for s in states])


def drawn(stream, steps, key):
    rows = stream.plan(key, jnp.arange(steps), stream.load(0, steps))
    return [stream.draw(jax.tree.map(lambda x: x[t], rows), stream.load(0, steps)) for t in range(steps)]


# The three forms


@pytest.mark.system("opt.batch_gd")
@pytest.mark.parametrize("learning_rate", [0.05, 0.19, 0.21])
def test_full_batches_on_a_quadratic_multiply_by_a_matrix_power(x64, learning_rate):
    """Eigenvalues 1, 4, 10 in rotated coordinates: it converges below 2 / 10 and only there."""
    rotation = np.linalg.qr(np.random.RandomState(1).normal(size=(3, 3)))[0]
    a = rotation @ np.diag([1.0, 4, 10]) @ rotation.T
    start, steps = np.array([3.0, -2, 1]), 200
    method = gradient_descent(
        Config(learning_rate), lambda theta, _: theta @ jnp.asarray(a) @ theta / 2, lambda key, batch: None
    )
    walked = path(method, start, [None] * steps)
    exact = [np.linalg.matrix_power(np.eye(3) - learning_rate * a, k) @ start for k in range(steps + 1)]
    scale = np.linalg.norm(exact, axis=1, keepdims=True)
    np.testing.assert_allclose(walked / scale, exact / scale, atol=1e-9)
    closed = on_quadratic(jnp.asarray(rotation.T @ start), jnp.array([1.0, 4, 10]), learning_rate, 150)
    np.testing.assert_allclose(rotation @ closed, exact[150], rtol=1e-9)
    assert (np.linalg.norm(walked[-1]) < 1e-3) == (learning_rate < 2 / 10)
    assert (np.linalg.norm(walked[-1]) > 1e3) == (learning_rate > 2 / 10)


@pytest.mark.system("opt.sgd")
def test_the_mean_over_single_examples_is_the_full_gradient(x64):
    x, y = table()
    theta = np.array([0.3, -1, 2])
    each = gradients(least_squares, jnp.asarray(theta), (jnp.asarray(x), jnp.asarray(y)))
    np.testing.assert_allclose(each, [by_hand(theta, x[i : i + 1], y[i : i + 1]) for i in range(12)], atol=1e-13)
    np.testing.assert_allclose(each.mean(0), by_hand(theta, x, y), atol=1e-13)


@pytest.mark.slow
@pytest.mark.system("opt.sgd", "opt.minibatch")
@pytest.mark.parametrize("batch_size", [1, 4, 12])
def test_the_forms_differ_in_their_stream_alone(x64, key, batch_size):
    """The runner's result is that of a loop over the batches of the stream, in NumPy."""
    x, y = table()
    stream = epochs((x, y), batch_size)
    method, _ = example()
    state, history = train(jax.random.clone(key), method, stream, 30, chunk=7)
    init_key, data_key, _ = parts(key)
    theta, losses = np.asarray(method.init(init_key, None).params), []
    for bx, by in drawn(stream, 30, data_key):
        losses.append(((bx @ theta - by) ** 2).mean() / 2)
        theta = theta - 0.1 * by_hand(theta, np.asarray(bx), np.asarray(by))
    np.testing.assert_allclose(state.params, theta, rtol=1e-12)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-12)


def test_parameters_may_be_any_tree():
    after = descended({"w": jnp.array([1.0, 2]), "b": (jnp.float32(3),)}, {"w": jnp.array([1.0, -1]), "b": (2.0,)}, 0.5)
    assert jax.tree.map(lambda x: np.asarray(x).tolist(), after) == {"w": [0.5, 2.5], "b": (2.0,)}


@pytest.mark.system("opt.minibatch")
def test_variance_of_the_minibatch_gradient_by_enumeration(x64):
    """All 6^3 batches with replacement, all 20 without, as their means in NumPy."""
    each = np.random.RandomState(2).normal(size=(6, 2)) ** 3
    spread = lambda batches: np.mean([((each[list(b)].mean(0) - each.mean(0)) ** 2).sum() for b in batches])
    with_replacement = minibatch_variance(jnp.asarray(each), 3)
    assert with_replacement == pytest.approx(spread(itertools.product(range(6), repeat=3)), rel=1e-12)
    without = with_replacement * finite_population(6, 3)
    assert without == pytest.approx(spread(itertools.combinations(range(6), 3)), rel=1e-12)
    assert with_replacement == pytest.approx(float(minibatch_variance(jnp.asarray(each), 1)) / 3, rel=1e-12)
    assert (finite_population(6, 6), finite_population(1, 1)) == (0, 0)


@pytest.mark.system("opt.minibatch")
def test_shuffled_passes_show_every_example_once(key):
    batches = drawn(epochs(np.arange(20), 5), 12, key)
    passes = np.concatenate(batches).reshape(3, 20)
    np.testing.assert_array_equal(np.sort(passes, axis=1), np.tile(np.arange(20), (3, 1)))
    assert len({tuple(p) for p in passes}) == 3


# Epochs


@pytest.mark.system("opt.epoch_accounting")
def test_a_thousand_examples_in_tens_for_twenty_epochs():
    for policy in ("drop", "short", "straddle"):
        assert updates(1000, 10, partial_batch=policy) == 100
        assert updates(1000, 10, 20, policy) == 2000
    counter = 0
    for _ in range(20):
        for _ in range(0, 1000, 10):
            counter += 1
    assert updates(1000, 10, 20) == counter


def simulated(examples, batch_size, epochs, policy):
    """Slices of lists, counted."""
    if policy == "straddle":
        queue = list(range(examples)) * epochs
        return len([queue[i : i + batch_size] for i in range(0, len(queue), batch_size)])
    slices = [list(range(examples))[i : i + batch_size] for i in range(0, examples, batch_size)]
    return epochs * len([s for s in slices if policy == "short" or len(s) == batch_size])


@pytest.mark.system("opt.epoch_accounting")
@pytest.mark.parametrize("policy", ["drop", "short", "straddle"])
def test_partial_batches_by_every_policy(policy):
    for sizes in itertools.product((1, 7, 10, 23), (1, 3, 7, 10, 30), (1, 2, 5)):
        assert updates(*sizes, policy) == simulated(*sizes, policy)


@pytest.mark.system("opt.epoch_accounting")
def test_the_runner_straddles(key):
    """The first step after which each of 23 examples came twice, in batches of 5."""
    batches = drawn(epochs(np.arange(23), 5), 15, key)
    counts = np.cumsum([np.bincount(b, minlength=23) for b in batches], axis=0)
    assert 1 + int(np.flatnonzero(counts.min(1) == 2)[0]) == updates(23, 5, 2) == 10


def test_bad_counts_and_policies():
    with pytest.raises(ConfigError, match="updates: batch_size is 0"):
        updates(10, 0)
    with pytest.raises(ConfigError, match="no policy 'dropp' for a partial batch; did you mean 'drop'"):
        updates(10, 3, partial_batch="dropp")


# The learning rate


@pytest.mark.system("opt.lr_experiment")
@pytest.mark.parametrize(
    ("product", "name", "flips", "shrinks"),
    [
        (0.1, "steady", False, True),
        (0.999, "steady", False, True),
        (1.001, "oscillating", True, True),
        (1.999, "oscillating", True, True),
        (2.001, "diverging", True, False),
        (3.0, "diverging", True, False),
    ],
)
def test_three_regimes_on_a_quadratic(x64, product, name, flips, shrinks):
    curvature = 8.0
    method = gradient_descent(Config(product / curvature), lambda p, _: curvature * p**2 / 2, lambda key, batch: None)
    walked = path(method, 1.5, [None] * 20)
    assert regime(product / curvature, curvature) == name
    assert ((walked[1:] * walked[:-1] < 0) == flips).all()
    assert ((abs(walked[1:]) < abs(walked[:-1])) == shrinks).all()


@pytest.mark.system("opt.lr_experiment")
def test_on_the_borders_of_the_regimes(x64):
    at = lambda rate: path(
        gradient_descent(Config(rate), lambda p, _: 4 * p**2, lambda key, batch: None), 1.5, [None] * 3
    )
    assert (regime(1 / 8, 8.0), regime(2 / 8, 8.0)) == ("steady", "diverging")
    assert {regime(np.nextafter(1 / 8, 1), 8.0), regime(np.nextafter(2 / 8, 0), 8.0)} == {"oscillating"}
    assert at(1 / 8).tolist() == [1.5, 0, 0, 0]
    assert at(2 / 8).tolist() == [1.5, -1.5, 1.5, -1.5]


def test_a_rate_that_is_no_rate():
    with pytest.raises(ConfigError, match="gradient_descent: learning_rate is -1"):
        gradient_descent(Config(-1.0), least_squares, lambda key, batch: None)
    with pytest.raises(ConfigError, match="regime: curvature is 0"):
        regime(0.1, 0.0)
    with pytest.raises(ConfigError, match="escape_steps: distance is 0"):
        escape_steps(0.1, 0.0, 0.1)


@pytest.mark.system("found.grad_quadratic_demo")
def test_five_hundred_steps_on_the_demo(x64, key):
    """(x - 4)^2 from x_0 ~ N(0, 1) at rate 0.01: x_k = 4 + (x_0 - 4) 0.98^k."""
    method = gradient_descent(Config(1e-2), lambda x, _: (x - 4) ** 2, lambda key, batch: jax.random.normal(key))
    state, history = train(jax.random.clone(key), method, nothing, 500)
    start = float(jax.random.normal(parts(key)[0]))
    k = np.arange(500)
    np.testing.assert_allclose(history["loss"], ((start - 4) * 0.98**k) ** 2, rtol=1e-9)
    np.testing.assert_allclose(history["gradient_norm"], 2 * abs(start - 4) * 0.98**k, rtol=1e-9)
    assert abs(0.98**500 - 4.10e-5) < 5e-8
    assert float(state.params) == pytest.approx(4 + (start - 4) * 0.98**500, rel=1e-12)
    closed = on_quadratic(jnp.array([start - 4]), jnp.array([2.0]), 1e-2, 500)[0]
    assert float(closed) == pytest.approx((start - 4) * 0.98**500, rel=1e-9)


# Saddles


@pytest.mark.system("opt.saddle_plateau")
@pytest.mark.parametrize(("offset", "rate"), [(1e-6, 0.1), (-1e-4, 0.01), (1e-3, 0.3)])
def test_the_saddle_is_left_in_the_predicted_number_of_steps(x64, offset, rate):
    method = gradient_descent(Config(rate), lambda p, _: saddle(p), lambda key, batch: None)
    steps = escape_steps(offset, 1.0, rate)
    walked = path(method, [1.0, offset], [None] * int(steps))
    assert np.flatnonzero(abs(walked[:, 1]) >= 1)[0] == steps == len(walked) - 1
    assert abs(walked[-1, 0]) < 0.02


@pytest.mark.system("opt.saddle_plateau")
def test_without_an_offset_descent_ends_in_the_saddle(x64):
    method = gradient_descent(Config(0.1), lambda p, _: saddle(p), lambda key, batch: None)
    walked = path(method, [1.0, 0.0], [None] * 200)
    np.testing.assert_allclose(walked[-1], 0, atol=1e-12)
    assert escape_steps(0.0, 1.0, 0.1) == math.inf
    assert escape_steps(2.0, 1.0, 0.1) == 0


@pytest.mark.system("opt.saddle_plateau")
def test_minima_get_rare_with_the_dimension():
    """1/2, (2 - sqrt 2) / 4 and (pi - 2 sqrt 2) / (4 pi) in one, two and three dimensions, by integration."""
    count, exact = 8000, [0.5, (2 - 2**0.5) / 4, (np.pi - 8**0.5) / (4 * np.pi)]
    shares = [float(convex_share(jax.random.key(d), d, count)) for d in (1, 2, 3, 5)]
    for share, p in zip(shares, exact, strict=False):
        assert abs(share - p) < 4 * (p * (1 - p) / count) ** 0.5
    assert shares == sorted(shares, reverse=True)
    assert shares[3] < 0.002
