"""Against the closed form of a linear model; on digits, against noise of the same size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp
from jaxicon.robustness.fgsm import accuracy, fgsm, losses, raise_loss, random_sign


def linear(key):
    """A binary classifier with score w.x + b, and images inside the box."""
    w = jax.random.normal(key, (9,))
    score = lambda x: x @ w + 0.3
    predict = lambda x: jnp.stack([jnp.zeros(x.shape[0]), score(x)], axis=-1)
    x = jax.random.uniform(jax.random.key(1), (40, 9), minval=0.2, maxval=0.8)
    return w, score, predict, x, jnp.arange(40) % 2


@pytest.mark.system("rob.fgsm")
def test_a_linear_score_falls_by_epsilon_times_the_l1_norm_of_its_weights(key, x64):
    w, score, predict, x, y = linear(key)
    sign = 2 * y - 1
    attacked = fgsm(predict, x, y, 0.15)
    margin = sign * score(x) - 0.15 * np.abs(w).sum()
    np.testing.assert_allclose(sign * score(attacked), margin, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(losses(predict, attacked, y), np.log1p(np.exp(-margin)), rtol=1e-12)
    np.testing.assert_allclose(np.abs(attacked - x), 0.15, rtol=1e-12)


@pytest.fixture(scope="module")
def trained():
    data = digits()
    method = mlp(Config(), classes=10)
    state, _ = train(jax.random.key(0), method, epochs(data.train, 64), 800)
    return jax.jit(lambda x: method.predict(state, x)), *map(jnp.asarray, data.test)


@pytest.mark.slow
@pytest.mark.system("rob.fgsm")
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.3])
def test_the_attack_stays_in_the_ball_and_in_the_box(trained, epsilon):
    predict, x, y = trained
    for changed in (fgsm(predict, x, y, epsilon), random_sign(jax.random.key(0), x, epsilon)):
        assert changed.min() >= 0
        assert changed.max() <= 1
        assert jnp.abs(changed - x).max() <= epsilon + 1e-6
        inside = (x >= epsilon) & (x <= 1 - epsilon)
        assert epsilon == 0 or (jnp.abs(changed - x)[inside] > epsilon - 1e-6).all()


@pytest.mark.system("rob.fgsm")
def test_digits_are_lost_to_the_attack_and_not_to_noise(trained):
    predict, x, y = trained
    assert accuracy(predict, x, y) > 0.95
    assert accuracy(predict, fgsm(predict, x, y, 0.15), y) < 0.5
    assert accuracy(predict, random_sign(jax.random.key(0), x, 0.15), y) > 0.9


@pytest.mark.system("rob.image_error_attack")
def test_ascent_on_the_image_raises_the_error(trained):
    predict, x, y = trained
    path = [losses(predict, raise_loss(predict, x, y, 0.01, steps), y).mean() for steps in (0, 1, 3, 10, 30)]
    assert (np.diff(path) > 0).all()
    assert accuracy(predict, raise_loss(predict, x, y, 1.0, 300), y) < 0.2


@pytest.mark.system("rob.image_error_attack")
def test_one_step_of_ascent_on_a_linear_score_follows_the_weights(key, x64):
    w, score, predict, x, y = linear(key)
    moved = raise_loss(predict, x, y, 0.05, 1) - x
    np.testing.assert_allclose(moved, 0.05 * (1 / (1 + np.exp(-score(x))) - y)[:, None] * w[None], rtol=1e-10)
