"""Hamiltonian Monte Carlo: what leapfrog keeps, how its error falls, and densities that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import norm

from jaxicon.ops.hmc import chain, energy, leapfrog, transition

PRECISION = np.array([[2.0, 0.6], [0.6, 0.7]])


def gaussian(q):
    return -q @ jnp.asarray(PRECISION, q.dtype) @ q / 2


def banana(q):
    return -(q[0] ** 2) / 2 - (q[1] - q[0] ** 2) ** 2


START = np.array([0.7, -0.4]), np.array([1.1, 0.3])


def test_leapfrog_written_out_on_a_spring(x64):
    q, p, size = 0.7, 1.1, 0.3
    for _ in range(5):
        p -= size / 2 * 3 * q
        q += size * p
        p -= size / 2 * 3 * q
    found = leapfrog(lambda q: -1.5 * (q**2).sum(), jnp.array([0.7]), jnp.array([1.1]), 0.3, 5)
    np.testing.assert_allclose(np.concatenate(found), [q, p], atol=1e-13)


@pytest.mark.parametrize("density", [gaussian, banana])
def test_leapfrog_is_reversible_and_keeps_volume(x64, density):
    move = lambda q, p: leapfrog(density, q, p, 0.2, 7)
    q, p = map(jnp.array, START)
    there_q, there_p = move(q, p)
    back_q, back_p = move(there_q, -there_p)
    np.testing.assert_allclose(np.concatenate([back_q, -back_p]), np.concatenate(START), atol=1e-12)
    assert abs(there_q - q).max() > 0.1
    jacobian = jax.jacfwd(lambda z: jnp.concatenate(move(z[:2], z[2:])))(jnp.concatenate([q, p]))
    assert np.linalg.det(np.asarray(jacobian)) == pytest.approx(1, abs=1e-12)


def test_errors_fall_with_the_square_of_the_step(x64):
    """Against SciPy's solution of Hamilton's equations; the energy's error too."""
    field = lambda _, z: [z[2], z[3], -z[0] + 4 * z[0] * (z[1] - z[0] ** 2), -2 * (z[1] - z[0] ** 2)]
    exact = solve_ivp(field, (0, 2), np.concatenate(START), rtol=1e-11, atol=1e-12).y[:, -1]
    counts = (40, 80, 160, 320)
    ends = [leapfrog(banana, *map(jnp.array, START), 2 / n, n) for n in counts]
    error = [abs(np.concatenate(end) - exact).max() for end in ends]
    drift = [abs(energy(banana, *end) - energy(banana, *map(jnp.array, START))) for end in ends]
    for errors in (error, drift):
        assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(2, abs=0.15)


def test_moments_of_a_gaussian(key, x64):
    """Many short chains from the wrong place: independent draws of the density afterwards."""
    run = lambda k: chain(k, gaussian, jnp.array([3.0, -3.0]), 0.4, 4, 25)[0][-1]
    drawn = np.asarray(jax.jit(jax.vmap(run))(jax.random.split(key, 20_000)))
    covariance = np.linalg.inv(PRECISION)
    deviation = np.sqrt(np.diag(covariance))
    assert (abs(drawn.mean(0)) < 4.5 * deviation / np.sqrt(len(drawn))).all()
    spread = np.sqrt((np.outer(deviation, deviation) ** 2 + covariance**2) / len(drawn))
    assert (abs(np.cov(drawn, rowvar=False) - covariance) < 4.5 * spread).all()


def test_the_density_stays_when_steps_are_coarse(key, x64):
    """Steps so long that a fifth of the proposals is refused: without the refusals the variance would be wrong."""
    step = 1.6  # leapfrog alone keeps q^2 (1 - step^2 / 4) + p^2, a variance of 1 / (1 - 0.64) = 2.8
    start = jax.random.normal(jax.random.key(1), (40_000, 1))
    move = lambda k, q: transition(k, lambda q: -(q**2).sum() / 2, q, step, 3)
    after, acceptance = jax.jit(jax.vmap(move))(jax.random.split(key, len(start)), start)
    after = np.sort(np.asarray(after)[:, 0])
    assert 0.5 < acceptance.mean() < 0.9
    distance = abs(norm.cdf(after) - np.arange(1, len(after) + 1) / len(after)).max()
    assert distance * np.sqrt(len(after)) < 2.0  # Kolmogorov and Smirnov: probability 7e-4


def test_acceptance_is_that_of_the_energies(key, x64):
    """Accepted with probability min(1, e^(H - H')), over many momenta at one position."""
    q = jnp.array([1.5])
    density = lambda q: -(q**2).sum() / 2 - q[0] ** 4
    after, acceptance = jax.vmap(lambda k: transition(k, density, q, 0.5, 2))(jax.random.split(key, 20_000))
    moved = np.asarray(after)[:, 0] != 1.5
    assert moved.mean() == pytest.approx(acceptance.mean(), abs=4.5 * 0.5 / np.sqrt(20_000))
    assert acceptance.mean() < 0.95
    grid = np.linspace(-8, 8, 4001)
    value = lambda q: -(q**2) / 2 - q**4
    slope = lambda q: -q - 4 * q**3
    x, p = np.full_like(grid, 1.5), grid.copy()
    for _ in range(2):
        p = p + 0.25 * slope(x)
        x = x + 0.5 * p
        p = p + 0.25 * slope(x)
    gain = value(x) - p**2 / 2 - value(1.5) + grid**2 / 2
    exact = np.trapezoid(np.exp(np.minimum(gain, 0)) * norm.pdf(grid), grid)
    assert acceptance.mean() == pytest.approx(exact, abs=4.5 * 0.5 / np.sqrt(20_000))


def test_a_proposal_without_density_is_refused(key):
    """Beyond the wall, at 1, log p is NaN; the chain stays before it and reports no NaN."""
    density = lambda q: jnp.where(q[0] < 1, -(q[0] ** 2) / 2, jnp.nan)
    positions, acceptance = chain(key, density, jnp.zeros(1), 0.5, 4, 500)
    assert np.isfinite(positions).all()
    assert np.isfinite(acceptance).all()
    assert positions.max() < 1
    assert (acceptance == 0).any()
