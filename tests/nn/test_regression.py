"""Fits in closed form are NumPy's; fits by descent get there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.nn.mlp import mlp
from jaxicon.nn.regression import descent, least_squares

RNG = np.random.default_rng(0)
OBS, TARGET = RNG.normal(size=(40, 3)), RNG.normal(size=40)
COLUMN = RNG.integers(0, 2, 40)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_least_squares_fits_every_output_to_its_own_rows(x64, key, penalty):
    """A penalty is as good as rows that ask for weights of zero."""
    regression = least_squares(2, penalty)
    first = regression.init(key, jnp.asarray(OBS))
    np.testing.assert_array_equal(regression.values(first, jnp.asarray(OBS)), np.zeros((40, 2)))
    fit = regression.refit(first, jnp.asarray(OBS), jax.nn.one_hot(COLUMN, 2), jnp.asarray(TARGET))
    for output in range(2):
        mine = output == COLUMN
        x, y = OBS[mine], TARGET[mine]
        x, y = np.concatenate([x, penalty**0.5 * np.eye(3)]), np.concatenate([y, np.zeros(3)])
        np.testing.assert_allclose(fit[:, output], np.linalg.lstsq(x, y, rcond=None)[0], rtol=1e-10)


def test_features_that_the_data_lack_get_no_weight(x64, key):
    x = jnp.eye(3)[jnp.array([0, 2, 0])]
    fit = least_squares(1).refit(jnp.zeros((3, 1)), x, jnp.ones((3, 1)), jnp.array([1.0, 4.0, 2.0]))
    np.testing.assert_allclose(fit[:, 0], [1.5, 0, 4], atol=1e-5)


def test_descent_ends_at_least_squares_and_goes_on_where_it_ended(x64, key):
    """A network without hidden layer is linear, with a constant; a hundred steps and then a hundred are two hundred."""
    rows = jnp.asarray(OBS), jax.nn.one_hot(COLUMN, 2), jnp.asarray(TARGET)
    many, some = descent(mlp(2), 0.05, 800), descent(mlp(2), 0.05, 400)
    first = many.init(key, rows[0])
    fit = jax.jit(many.refit)(first, *rows)
    refit = jax.jit(some.refit)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), fit, refit(refit(first, *rows), *rows)
    )
    for output in range(2):
        mine = output == COLUMN
        x = np.c_[OBS[mine], np.ones(mine.sum())]
        wanted = x @ np.linalg.lstsq(x, TARGET[mine], rcond=None)[0]
        np.testing.assert_allclose(many.values(fit, rows[0])[mine, output], wanted, atol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="penalty"):
        least_squares(1, -1.0)
    with pytest.raises(ConfigError, match="steps"):
        descent(mlp(1), 0.1, 0)
