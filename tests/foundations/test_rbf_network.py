"""Radial basis functions against SciPy's interpolator, scikit-learn's k-means and ridge, and NumPy loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.data.digits import digits
from jaxicon.foundations.rbf_network import k_means, lloyd, neighbour_widths, predict, rbf_network


def scattered(n=40, d=2):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (n, d))
    return x, np.stack([np.sin(2 * x[:, 0]) * x[:, 1], np.cos(x.sum(1))], 1)


@pytest.mark.system("found.rbf_network")
@pytest.mark.parametrize("width", [0.2, 0.5])
def test_one_centre_per_point_interpolates_as_scipy_does(width, x64):
    x, y = scattered()
    network = rbf_network(*map(jnp.array, (x, y, x)), width)
    np.testing.assert_allclose(predict(network, jnp.array(x)), y, atol=1e-8)
    between = np.random.default_rng(1).uniform(-2, 2, (100, 2))
    peer = RBFInterpolator(x, y, kernel="gaussian", epsilon=1 / (np.sqrt(2) * width), degree=-1)
    np.testing.assert_allclose(predict(network, jnp.array(between)), peer(between), atol=1e-7)


@pytest.mark.system("found.rbf_network")
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_fewer_centres_are_a_ridge_regression_on_gaussians(penalty, x64):
    from sklearn.linear_model import LinearRegression, Ridge

    x, y = scattered()
    centres, widths = x[:9], np.linspace(0.4, 1.2, 9)
    features = lambda x: np.array(
        [[np.exp(-sum((a - c) ** 2) / (2 * s**2)) for c, s in zip(centres, widths, strict=True)] for a in x]
    )
    peer = Ridge(penalty, fit_intercept=False, solver="cholesky") if penalty else LinearRegression(fit_intercept=False)
    peer.fit(features(x), y)
    network = rbf_network(*map(jnp.array, (x, y, centres, widths)), penalty)
    np.testing.assert_allclose(network.weights, peer.coef_.T, atol=1e-8)
    new = np.random.default_rng(1).normal(size=(20, 2))
    np.testing.assert_allclose(predict(network, jnp.array(new)), features(new) @ peer.coef_.T, atol=1e-8)


@pytest.mark.system("found.rbf_network")
def test_centres_are_those_of_k_means(x64):
    from sklearn.cluster import KMeans

    x = np.random.default_rng(0).normal(size=(200, 3))
    start = x[:7]
    peer = KMeans(7, init=start, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(x)
    np.testing.assert_allclose(lloyd(jnp.array(x), jnp.array(start), 100), peer.cluster_centers_, atol=1e-10)
    far = jnp.array(np.vstack([start[:6], [[99.0, 99, 99]]]))
    np.testing.assert_array_equal(lloyd(jnp.array(x), far, 5)[6], [99, 99, 99])  # without points, it stays
    lonely = lloyd(jnp.array(np.vstack([x, [[98.0, 97, 99]]])), far, 5)
    np.testing.assert_allclose(lonely[6], [98, 97, 99], atol=1e-10)  # with one, it moves there


@pytest.mark.system("found.rbf_network")
def test_clusters_are_found_and_the_widths_are_the_distances_to_the_neighbours(key, x64):
    grid = np.array([[0.0, 0], [3, 0], [0, 4], [50, 50]])
    widths = neighbour_widths(jnp.array(grid), 2)
    far = (np.sqrt(47**2 + 50**2), np.sqrt(50**2 + 46**2))
    squares = [(9 + 16) / 2, (9 + 25) / 2, (16 + 25) / 2, (far[0] ** 2 + far[1] ** 2) / 2]
    np.testing.assert_allclose(widths, np.sqrt(squares), rtol=1e-12)
    x = jnp.array(np.concatenate([c + 0.1 * np.random.default_rng(0).normal(size=(30, 2)) for c in grid[[0, 3]]]))
    starts = jax.random.split(key, 20)
    centres = jax.vmap(lambda key: k_means(key, x, 2))(starts)
    means = np.stack([x[:30].mean(0), x[30:].mean(0)])
    for found in np.asarray(centres):
        np.testing.assert_allclose(found[found[:, 0].argsort()], means, atol=1e-10)


@pytest.mark.system("found.rbf_network")
def test_both_phases_learn_the_digits(key):
    """200 centres, with the labels as 0 and 1: better than the linear fit of the same labels, and 0.95 at least."""
    (x, y), (x_test, y_test) = digits()
    targets = jnp.eye(10)[y]
    centres = k_means(key, jnp.array(x), 200, 20)
    network = rbf_network(jnp.array(x), targets, centres, 2 * neighbour_widths(centres), 1e-2)
    accuracy = (predict(network, jnp.array(x_test)).argmax(1) == y_test).mean()
    ones = lambda x: np.hstack([x, np.ones((len(x), 1))])
    linear = ones(x_test) @ np.linalg.lstsq(ones(x), np.asarray(targets), rcond=None)[0]
    assert accuracy >= 0.95
    assert accuracy > (linear.argmax(1) == y_test).mean()


def test_what_is_refused(key):
    x, y = (jnp.array(part, jnp.float32) for part in scattered())
    with pytest.raises(DataError, match="centres \\(3, 1\\)"):
        rbf_network(x, y, jnp.zeros((3, 1)), 1.0)
    with pytest.raises(DataError, match="x \\(40, 2\\), y \\(39, 2\\)"):
        rbf_network(x, y[1:], x, 1.0)
    with pytest.raises(ConfigError, match="widths is 0.0"):
        rbf_network(x, y, x, 0.0)
    with pytest.raises(ConfigError, match="widths is -1.0"):
        rbf_network(x, y, x, jnp.full(40, -1.0))
    with pytest.raises(ConfigError, match="penalty is -1"):
        rbf_network(x, y, x, 1.0, -1.0)
    with pytest.raises(ConfigError, match="count is 41"):
        k_means(key, x, 41)
    with pytest.raises(ConfigError, match="2 neighbours"):
        neighbour_widths(x[:2])
