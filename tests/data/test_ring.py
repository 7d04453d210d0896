import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.data.ring import MODES, centres, mode_statistics, ring


def by_hand(points):
    """The same statistics, one point at a time."""
    near, belongs = np.zeros(8), np.zeros(8)
    for x, y in points:
        distances = [np.hypot(x - 2 * np.cos(a), y - 2 * np.sin(a)) for a in np.arange(8) * np.pi / 4]
        mode = int(np.argmin(distances))
        belongs[mode] += 1
        near[mode] += distances[mode] <= 0.15
    share = belongs[belongs > 0] / len(points)
    return {
        "quality": near.sum() / len(points),
        "modes": (near >= len(points) / 100).sum(),
        "kl": share @ np.log(8 * share),
    }


@pytest.mark.system("gen.mode_collapse")
def test_statistics_are_those_of_a_loop_over_points(x64, key):
    a_key, b_key, c_key = jax.random.split(key, 3)
    uneven = ring(a_key, 400)[: 2 * 150]
    wide = 2 * jax.random.normal(b_key, (300, 2))
    few = centres()[:3][jax.random.randint(c_key, (400,), 0, 3)]
    points = jnp.concatenate([uneven, wide, few])
    ours, expected = mode_statistics(points), by_hand(np.asarray(points))
    for name in expected:
        np.testing.assert_allclose(ours[name], expected[name], rtol=1e-12, err_msg=name)


@pytest.mark.system("gen.mode_collapse")
def test_collapse_is_measured(x64):
    for count in (1, 3, 8):
        points = jnp.tile(centres()[:count], (300, 1))
        found = mode_statistics(points)
        assert found["modes"] == count
        assert found["quality"] == 1
        np.testing.assert_allclose(found["kl"], np.log(MODES / count), atol=1e-12)


@pytest.mark.parametrize(("members", "modes"), [(24, 1), (25, 2)])
def test_a_mode_counts_from_one_percent_of_the_sample(x64, members, modes):
    far = centres()[1:2] * 1.1  # nearest to the second mode, but four standard deviations away
    points = jnp.concatenate([jnp.tile(centres()[:1], (2400, 1)), jnp.tile(centres()[1:2], (members, 1))])
    points = jnp.concatenate([points, jnp.tile(far, (100 - members, 1))])
    assert mode_statistics(points)["modes"] == modes


def test_the_ring_itself_is_eight_even_gaussians(x64, key):
    points = np.asarray(ring(key, 40_000))
    found = mode_statistics(jnp.asarray(points))
    assert found["modes"] == 8
    assert abs(found["quality"] - (1 - np.exp(-9 / 2))) < 0.003
    assert found["kl"] < 1e-3
    east = points[np.hypot(points[:, 0] - 2, points[:, 1]) < 0.5]
    np.testing.assert_allclose(east.mean(0), [2, 0], atol=0.003)
    np.testing.assert_allclose(np.cov(east.T), 0.05**2 * np.eye(2), atol=2e-4)
