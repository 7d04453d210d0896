"""Update rules against torch, against NumPy loops in float64, and against what each is known for."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.linalg import norm

from jaxicon.ops.optimizers import (
    BY_GRADIENT,
    adadelta,
    adagrad,
    adam,
    adam_uncorrected,
    adamax,
    clip_elementwise,
    clip_norm,
    ftrl,
    gradient_descent,
    momentum,
    momentum_ema,
    nadam,
    newton,
    rmsprop,
)

GOLDEN = np.load(Path(__file__).parents[1] / "golden/optimizers.npz")
START, GRADS = GOLDEN["start"], GOLDEN["grads"]


def path(rule, grads=GRADS, start=START):
    """[steps, size]: the parameters after each step, in two leaves on the way."""
    cut = lambda x: {"a": jnp.asarray(x[:2]), "b": jnp.asarray(x[2:])[None]}

    def step(carry, g):
        params, state = carry
        updates, state = rule.update(g, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), jnp.concatenate([params["a"], params["b"][0]])

    params = cut(start)
    stream = {"a": jnp.asarray(grads[:, :2]), "b": jnp.asarray(grads[:, None, 2:])}
    return np.asarray(jax.lax.scan(step, (params, rule.init(params)), stream)[1])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def matches_torch(name, rule):
    close(path(rule), GOLDEN[name])


def test_gradient_descent_is_torchs(x64):
    matches_torch("gradient_descent", gradient_descent(0.01))


@pytest.mark.system("opt.momentum")
def test_heavy_ball_is_torchs(x64):
    matches_torch("momentum", momentum(0.01))


@pytest.mark.system("opt.momentum_ema")
def test_averaged_momentum_is_its_loop_and_a_slower_heavy_ball(x64):
    w, v, expected = START.copy(), np.zeros_like(START), []
    for g in GRADS:
        v = 0.8 * v + 0.2 * g
        w = w - 0.03 * v
        expected.append(w)
    close(path(momentum_ema(0.03, decay=0.8)), expected)
    close(path(momentum(0.03 * 0.2, decay=0.8)), expected)
    close(path(momentum_ema(0.1)), GOLDEN["momentum"])  # torch's heavy ball at 0.01 = 0.1 (1 - 0.9)


@pytest.mark.system("opt.rmsprop")
def test_rmsprop_is_torchs_with_epsilon_outside_the_root(x64):
    matches_torch("rmsprop", rmsprop(0.01))
    first = path(rmsprop(1.0, epsilon=0.5), np.full((1, 6), 2.0)) - START
    close(first, np.full((1, 6), -2 / (np.sqrt(0.1 * 4) + 0.5)))


@pytest.mark.system("opt.adagrad")
def test_adagrad_is_torchs_and_its_rate_never_grows(x64):
    found = path(adagrad(0.1))
    close(found, GOLDEN["adagrad"])
    rate = -np.diff(np.vstack([START, found]), axis=0) / GRADS
    close(rate, 0.1 / np.sqrt(np.cumsum(GRADS**2, axis=0)))
    assert (np.diff(rate, axis=0) <= 1e-12).all()
    close(rate[0] * abs(GRADS[0]), np.full(6, 0.1))  # no accumulator to begin with


def test_adagrad_leaves_a_weight_without_gradients_alone(x64):
    sparse = GRADS * (np.arange(6) != 3)
    found = path(adagrad(0.1), sparse)
    assert (found[:, 3] == START[3]).all()
    close(np.delete(found, 3, 1), np.delete(GOLDEN["adagrad"], 3, 1))


@pytest.mark.system("opt.adam")
def test_adam_is_torchs_and_its_first_step_is_the_learning_rate(x64):
    found = path(adam(0.01))
    close(found, GOLDEN["adam"])
    np.testing.assert_allclose(found[0] - START, -0.01 * np.sign(GRADS[0]), rtol=1e-5)


@pytest.mark.system("opt.adam_uncorrected")
def test_adam_without_correction_is_its_loop_and_no_adam(x64):
    w, m, v, expected = START.copy(), np.zeros(6), np.zeros(6), []
    for g in GRADS:
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - 0.01 * m / (np.sqrt(v) + 1e-8)
        expected.append(w)
    found = path(adam_uncorrected(0.01))
    close(found, expected)
    np.testing.assert_allclose(abs(found[0] - START), 0.01 * 0.1 / np.sqrt(0.001), rtol=1e-4)  # 3.16 learning rates
    assert abs(found[-1] - GOLDEN["adam"][-1]).min() > 0.01


@pytest.mark.system("opt.adadelta")
def test_adadelta_is_torchs(x64):
    matches_torch("adadelta", adadelta())


@pytest.mark.system("opt.adamax")
def test_adamax_is_torchs(x64):
    matches_torch("adamax", adamax(0.01))


@pytest.mark.system("opt.nadam")
def test_nadam_is_its_loop_with_a_constant_decay(x64):
    w, m, v, expected = START.copy(), np.zeros(6), np.zeros(6), []
    for t, g in enumerate(GRADS, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        ahead = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
        w = w - 0.01 * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(w)
    close(path(nadam(0.01)), expected)


def follow_the_leader(grads, alpha, beta, l1, l2):
    """Algorithm 1 of McMahan et al. 2013, one coordinate at a time: weights [steps, size], from 0."""
    z, n, weights = np.zeros(grads.shape[1]), np.zeros(grads.shape[1]), []

    def weight(z, n):
        return 0.0 if abs(z) <= l1 else -(z - np.sign(z) * l1) / ((beta + np.sqrt(n)) / alpha + l2)

    for g in grads:
        for i in range(len(z)):
            w = weight(z[i], n[i])
            sigma = (np.sqrt(n[i] + g[i] ** 2) - np.sqrt(n[i])) / alpha
            z[i] += g[i] - sigma * w
            n[i] += g[i] ** 2
        weights.append([weight(*pair) for pair in zip(z, n, strict=True)])
    return np.array(weights)


@pytest.mark.system("opt.ftrl")
def test_ftrl_is_the_published_algorithm(x64):
    found = path(ftrl(0.3, l1=4.0, l2=0.5, beta=2.0), start=np.zeros(6))
    expected = follow_the_leader(GRADS, 0.3, 2.0, 4.0, 0.5)
    close(found, expected)
    np.testing.assert_array_equal(found == 0, expected == 0)
    assert 0 < (found == 0).mean() < 1


@pytest.mark.system("opt.ftrl")
def test_ftrl_without_penalties_is_adagrad_from_anywhere(x64):
    rate = 0.1 / (0.7 + np.sqrt(np.cumsum(GRADS**2, axis=0)))
    close(path(ftrl(0.1, beta=0.7)), START - np.cumsum(rate * GRADS, axis=0))


@pytest.mark.system("opt.ftrl")
def test_ftrl_sets_more_weights_of_a_logistic_regression_to_zero_the_larger_l1(x64):
    """40 weights, 8 of which matter: against the loop of one gradient after the other, and none of the 8 is lost."""
    random = np.random.default_rng(1)
    x = random.normal(size=(400, 40))
    truth = np.where(np.arange(40) < 8, 1.5, 0)
    y = (random.uniform(size=400) < 1 / (1 + np.exp(-x @ truth))).astype(float)
    data = jnp.asarray(x), jnp.asarray(y)

    @jax.jit
    def weights(l1):
        rule = ftrl(0.1, l1=l1)

        def step(carry, row):
            w, state = carry
            g = jax.grad(lambda w: optax.sigmoid_binary_cross_entropy(row[0] @ w, row[1]))(w)
            updates, state = rule.update(g, state, w)
            return (optax.apply_updates(w, updates), state), g

        w = jnp.zeros(40)
        (w, _), grads = jax.lax.scan(step, (w, rule.init(w)), data)
        return w, grads

    found = []
    for l1 in (0.0, 3.0, 10.0, 30.0):
        w, grads = map(np.asarray, weights(l1))
        expected = follow_the_leader(grads, 0.1, 1.0, l1, 0.0)
        close(w, expected[-1])
        slopes = (1 / (1 + np.exp(-(x * np.vstack([0 * w, expected[:-1]])).sum(1))) - y)[:, None] * x
        close(grads, slopes)
        found.append(w)
    zeros = [(w == 0).sum() for w in found]
    assert zeros[0] == 0
    assert (np.diff(zeros) > 0).all()
    assert (found[-1][:8] > 0).all()
    assert zeros[-1] >= 24


def test_newton_solves_the_damped_system_over_all_leaves(x64):
    random = np.random.default_rng(2)
    a = random.normal(size=(5, 5))
    a = a @ a.T
    start = random.normal(size=5)
    value = lambda p: (w := jnp.concatenate([p["x"], p["y"].ravel()])) @ jnp.asarray(a) @ w / 2
    params = {"x": jnp.asarray(start[:1]), "y": jnp.asarray(start[1:]).reshape(2, 2)}
    rule = newton(0.5, damping=0.3)
    updates, _ = rule.update(jax.grad(value)(params), rule.init(params), params, value_fn=value, value=0.0)
    expected = -0.5 * np.linalg.solve(a + 0.3 * np.eye(5), a @ start)
    close(np.append(updates["x"], updates["y"]), expected)


TREE = {"a": np.array([3.0, -0.1]), "b": np.array([[-4.0], [0.5]])}


def clipped(rule, tree):
    tree = jax.tree.map(jnp.asarray, tree)
    return jax.tree.map(np.asarray, rule.update(tree, rule.init(tree), tree)[0])


@pytest.mark.system("clip.elementwise")
def test_elementwise_clipping_bounds_every_entry_and_turns_the_gradient(x64):
    found = clipped(clip_elementwise(1.0), TREE)
    assert all((found[k] == np.minimum(np.maximum(TREE[k], -1), 1)).all() for k in TREE)
    before, after = np.array([3.0, 0.1]), clipped(clip_elementwise(1.0), {"g": np.array([3.0, 0.1])})["g"]
    np.testing.assert_array_equal(after, [1.0, 0.1])
    assert before @ after / norm(before) / norm(after) < 0.998


@pytest.mark.system("clip.norm")
@pytest.mark.parametrize("limit", [0.5, 2.0, 100.0])
def test_norm_clipping_bounds_the_norm_of_all_leaves_and_keeps_the_direction(limit, x64):
    flat = lambda tree: np.append(tree["a"], tree["b"])
    before, after = flat(TREE), flat(clipped(clip_norm(limit), TREE))
    assert norm(after) == pytest.approx(min(norm(before), limit), rel=1e-12)
    close(after / norm(after), before / norm(before))


@pytest.mark.system("clip.norm")
def test_norm_clipping_takes_the_root(x64):
    """Where the sum of squares is compared with the threshold, as DL4CV prints it, (3, 4) is cut to a norm of 2."""
    np.testing.assert_array_equal(clipped(clip_norm(10.0), {"g": np.array([3.0, 4.0])})["g"], [3.0, 4.0])
    assert norm(clipped(clip_norm(10.0), {"g": np.array([30.0, 40.0])})["g"]) == pytest.approx(10)


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_learning_rates_can_be_traced(name, x64):
    """Three rates in one program are three runs, and the dtype is that of the parameters."""
    grads, rates = GRADS[:4], (0.01, 0.1, 1.0)
    together = jax.vmap(lambda rate: jnp.asarray(run(BY_GRADIENT[name](rate), grads)))(jnp.asarray(rates))
    assert BY_GRADIENT[name].__name__ == name
    for rate, found in zip(rates, together, strict=True):
        close(found, path(BY_GRADIENT[name](rate), grads)[-1])
    params = jnp.zeros(6, jnp.float32)
    rule = BY_GRADIENT[name](0.1)
    assert rule.update(params, rule.init(params), params)[0].dtype == jnp.float32


def run(rule, grads):
    params = jnp.asarray(START)
    state = rule.init(params)
    for g in grads:
        updates, state = rule.update(jnp.asarray(g), state, params)
        params = optax.apply_updates(params, updates)
    return params
