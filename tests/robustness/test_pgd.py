"""Against torchattacks, a NumPy loop and the closed form of a linear model; on digits, against one step of FGSM."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp
from jaxicon.robustness.fgsm import accuracy, fgsm, losses
from jaxicon.robustness.pgd import ascend, away_from, l2, l_infinity, pgd, robust_loss, strongest, towards, unit

BALLS = pytest.mark.parametrize("ball", [l_infinity, l2], ids=["l_infinity", "l2"])
GOLDEN = np.load(Path(__file__).parents[1] / "golden/pgd.npz")
pytestmark = pytest.mark.system("rob.attack_general")


@pytest.mark.parametrize(
    ("name", "ball", "epsilon", "step_size"), [("l_infinity", l_infinity, 0.3, 0.05), ("l2", l2, 0.8, 0.15)]
)
def test_the_images_are_those_of_torchattacks(name, ball, epsilon, step_size, x64):
    w1, b1, w2, b2 = (GOLDEN[key] for key in ("1.weight", "1.bias", "3.weight", "3.bias"))
    predict = lambda x: jnp.tanh(x.reshape(len(x), -1) @ w1.T + b1[None]) @ w2.T + b2[None]
    x, y, target = (jnp.asarray(GOLDEN[key]) for key in ("x", "y", "target"))
    for which, objective in {"away": away_from(predict, y), "towards": towards(predict, target)}.items():
        attacked = ascend(objective, x, x, epsilon, step_size, 12, ball)
        np.testing.assert_allclose(attacked, GOLDEN[f"{name}/{which}"], rtol=0, atol=1e-12)


def by_hand(w, x, y, start, epsilon, step_size, steps, squared, sign):
    """The iteration for logits x w, image by image; sign -1 leads towards y."""
    attacked = start.copy()
    for image, origin, label in zip(attacked, x, y, strict=True):
        for _ in range(steps):
            p = np.exp(image @ w)
            g = sign * w @ (p / p.sum() - np.eye(w.shape[1])[label])
            image += step_size * (g / np.sqrt((g**2).sum()) if squared else np.where(g > 0, 1, -1))
            d = image - origin
            if squared:
                d *= min(1, epsilon / np.sqrt((d**2).sum()))
            else:
                d = np.minimum(np.maximum(d, -epsilon), epsilon)
            image[:] = np.minimum(np.maximum(origin + d, 0), 1)
    return attacked


@BALLS
@pytest.mark.parametrize("sign", [1, -1])
def test_every_step_is_that_of_the_definition(key, ball, sign, x64):
    draw = np.random.default_rng(0)
    w, x, y = draw.normal(size=(9, 4)), draw.uniform(size=(20, 9)), draw.integers(4, size=20)
    start = np.clip(x + 0.4 * np.asarray(ball.draw(jax.random.clone(key), jnp.asarray(x))), 0, 1)
    objective = (away_from if sign == 1 else towards)(lambda x: x @ w, jnp.asarray(y))
    expected = by_hand(w, x, y, start, 0.4, 0.09, 7, ball is l2, sign)
    np.testing.assert_allclose(pgd(key, objective, jnp.asarray(x), 0.4, 0.09, 7, ball), expected, rtol=0, atol=1e-13)


def linear(key):
    """A binary classifier with score w.x + 0.3, as params and apply, and images well inside the box."""
    apply = lambda w, x: jnp.stack([jnp.zeros(x.shape[0]), x @ w + 0.3], axis=-1)
    x = jax.random.uniform(jax.random.key(1), (40, 9), minval=0.3, maxval=0.7)
    return jax.random.normal(key, (9,)), apply, x, jnp.arange(40) % 2


@BALLS
def test_a_linear_model_is_led_to_the_worst_point_and_its_robust_loss_has_a_closed_form(key, ball, x64):
    w, apply, x, y = linear(key)
    attack = lambda objective: pgd(jax.random.key(2), objective, x, 0.2, 0.05, 200, ball)
    sign, slope = np.asarray(2 * y - 1)[:, None], np.sign(w) if ball is l_infinity else w / np.linalg.norm(w)
    worst = x - 0.2 * sign * slope[None]
    np.testing.assert_allclose(attack(away_from(partial(apply, w), y)), worst, atol=1e-12)
    np.testing.assert_allclose(attack(towards(partial(apply, w), 1 - y)), worst, atol=1e-12)
    margin = sign[:, 0] * (x @ w + 0.3) - 0.2 * np.linalg.norm(w, 1 if ball is l_infinity else 2)
    value, grad = jax.value_and_grad(lambda w: robust_loss(apply, w, y, attack))(w)
    np.testing.assert_allclose(value, np.log1p(np.exp(-margin)).mean(), rtol=1e-12)
    np.testing.assert_allclose(grad, (-sign * worst / (1 + np.exp(margin))[:, None]).mean(0), rtol=1e-10)


@BALLS
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7])
def test_the_attack_stays_in_the_ball_and_in_the_box(key, ball, epsilon):
    x = jnp.round(jax.random.uniform(key, (30, 4, 4, 1)) * 4) / 4  # many pixels are 0 or 1
    w = jax.random.normal(jax.random.key(1), (16, 3))
    objective = away_from(lambda x: x.reshape(30, 16) @ w, jnp.arange(30) % 3)
    attacked = np.asarray(pgd(jax.random.key(2), objective, x, epsilon, 0.3, 5, ball))
    sizes = np.linalg.norm((attacked - x).reshape(30, 16), np.inf if ball is l_infinity else 2, axis=1)
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert sizes.max() <= epsilon + 1e-6


def test_random_starts_are_uniform_in_the_ball(key):
    x = jnp.zeros((4000, 3, 2))
    in_cube, in_ball = (np.asarray(ball.draw(jax.random.clone(key), x)).reshape(4000, 6) for ball in (l_infinity, l2))
    assert kstest(in_cube.ravel(), "uniform", (-1, 2)).pvalue > 0.01
    sizes = np.linalg.norm(in_ball, axis=1, keepdims=True)
    assert kstest(sizes[:, 0] ** 6, "uniform").pvalue > 0.01
    directions = in_ball / sizes
    np.testing.assert_allclose(directions.T @ directions / 4000, np.eye(6) / 6, atol=0.01)


def test_a_gradient_has_a_direction_where_its_square_underflows():
    g = jnp.asarray([[3e-30, -4e-30], [0, 0], [6, 8]])
    np.testing.assert_allclose(unit(g), [[0.6, -0.8], [0, 0], [0.6, 0.8]], rtol=1e-6)


def test_restarts_keep_the_worst_of_every_image(key, x64):
    """Raising cos(12 x) by gradients ends at the next summit, which lies in the box only sometimes."""
    objective = lambda x: (jnp.cos(12 * x) + x).sum(-1)
    x = jnp.full((50, 1), 0.5)
    attempts = jnp.stack([pgd(k, objective, x, 0.4, 0.01, 60) for k in jax.random.split(key, 10)])
    value = lambda x: np.cos(12 * np.asarray(x)) + np.asarray(x)
    np.testing.assert_array_equal(value(strongest(objective, attempts)), value(attempts).max(0))
    assert (value(attempts)[0] < value(attempts).max(0) - 0.1).any()


@pytest.fixture(scope="module")
def trained():
    data = digits()
    method = mlp(Config(), classes=10)
    state, _ = train(jax.random.key(0), method, epochs(data.train, 64), 800)
    return jax.jit(lambda x: method.predict(state, x)), *map(jnp.asarray, data.test)


def test_many_steps_raise_the_loss_of_digits_further_than_one(trained, key):
    predict, x, y = trained
    one, many = fgsm(predict, x, y, 0.1), pgd(key, away_from(predict, y), x, 0.1, 0.01, 40)
    assert losses(predict, many, y).mean() > 1.05 * losses(predict, one, y).mean()
    assert accuracy(predict, many, y) < accuracy(predict, one, y)
