"""The two moons are those of scikit-learn, and their density is that of the points drawn."""

import jax
import numpy as np
from scipy.integrate import quad

from jaxicon.data.moons import log_density, moons


def test_without_noise_the_points_lie_on_the_moons_of_scikit_learn(key):
    from sklearn.datasets import make_moons

    from_library, moon = make_moons(20_000, noise=0.0)
    points = np.asarray(moons(key, 20_000, 0.0))
    upper = abs(np.hypot(*points.T) - 1) < 1e-5
    assert points[upper][:, 1].min() >= -1e-5
    np.testing.assert_allclose(np.hypot(*(points[~upper] - [1, 0.5]).T), 1, atol=1e-5)
    assert points[~upper][:, 1].max() <= 0.5 + 1e-5
    for ours, theirs in ((points[upper], from_library[moon == 0]), (points[~upper], from_library[moon == 1])):
        assert abs(len(ours) / 20_000 - 0.5) < 0.02
        np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.03)
        np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.03)


def test_density_is_the_integral_along_the_moons(x64):
    def density(x, std):
        def at(angle):
            upper = np.array([np.cos(angle), np.sin(angle)])
            square = [((x - point) ** 2).sum() for point in (upper, np.array([1, 0.5]) - upper)]
            return np.exp(-np.array(square) / (2 * std**2)).sum() / (2 * np.pi * std**2) / (2 * np.pi)

        return quad(at, 0, np.pi, epsabs=1e-13, epsrel=1e-11, limit=500)[0]

    points = np.array([[0.0, 1.0], [0.7, 0.6], [1.0, -0.4], [0.9, 0.25]])
    for std in (0.05, 0.2):
        ours = jax.jit(jax.vmap(log_density, (0, None)))(points, std)
        np.testing.assert_allclose(ours, [np.log(density(x, std)) for x in points], rtol=1e-8, err_msg=str(std))


def test_density_is_that_of_the_points(x64, key):
    densities = jax.jit(lambda x: jax.lax.map(log_density, x, batch_size=500))
    step = 0.02
    grid = np.stack(np.meshgrid(np.arange(-1.5, 2.5, step), np.arange(-1, 1.5, step), indexing="ij"), -1).reshape(-1, 2)
    log_p = np.asarray(densities(grid))
    np.testing.assert_allclose((np.exp(log_p) * step**2).sum(), 1, atol=1e-6)
    negative_entropy = (np.exp(log_p) * log_p * step**2).sum()
    drawn = np.asarray(densities(moons(key, 4000)))
    assert abs(drawn.mean() - negative_entropy) < 4 * drawn.std() / np.sqrt(4000)
