import jax.numpy as jnp
import numpy as np

from jaxicon.data.spirals import arms, spirals


def test_one_arm_is_the_other_turned_by_half_a_circle(x64):
    position = jnp.linspace(0, 1, 50)
    first, second = arms(position, jnp.zeros(50, int)), arms(position, jnp.ones(50, int))
    np.testing.assert_allclose(second, -first, atol=1e-14)
    np.testing.assert_allclose(np.hypot(*first.T), np.linspace(0.2, 1, 50), rtol=1e-12)
    np.testing.assert_allclose(
        np.unwrap(np.arctan2(first[:, 1], first[:, 0])), np.linspace(0, 1.5 * np.pi, 50), atol=1e-12
    )
    assert np.linalg.norm(first[:, None] - second[None], axis=-1).min() > 0.35


def test_points_lie_near_their_arm_and_in_it_evenly(x64, key):
    x, y = (np.asarray(a) for a in spirals(key, 4000, std=0.02))
    assert abs(y.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(4000)
    position = np.linspace(0, 1, 400)
    for arm in (0, 1):
        curve = np.asarray(arms(jnp.array(position), jnp.full(400, arm)))
        distance = np.linalg.norm(x[y == arm][:, None] - curve[None], axis=-1)
        assert abs(np.sqrt((distance.min(1) ** 2).mean()) - 0.02) < 0.0015  # noise along the arm goes unseen
        share = np.histogram(distance.argmin(1)[:, None] / 399, 5, (0, 1))[0] / (y == arm).sum()
        np.testing.assert_allclose(share, 0.2, atol=0.035)
