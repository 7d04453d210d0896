import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.envs.cart import MARGIN, SECONDS, State, braking, cart, reset, starts, step


def moved(x: float, v: float, u: float) -> tuple[float, float]:
    """A double integrator for 0.1 s, in NumPy."""
    return x + v * SECONDS + u * SECONDS**2 / 2, v + u * SECONDS


def safe(x: float, v: float, slack: float = 1e-9) -> bool:
    """(1) of the header for both walls, with the margin."""
    return all(side * x + max(side * v, 0) ** 2 / 2 <= 1 - MARGIN + slack for side in (1, -1))


def safe_states() -> np.ndarray:
    return np.array(
        [(x, v) for x in np.linspace(-1, 1, 81) * (1 - MARGIN) for v in np.linspace(-2, 2, 81) if safe(x, v)]
    )


def limits(states: np.ndarray) -> np.ndarray:
    """[states, 2]: the least and the greatest safe action."""
    state = State(*jnp.asarray(states.T), jnp.zeros(len(states)))
    normals, bounds = jax.jit(jax.vmap(braking))(state)
    np.testing.assert_array_equal(normals[..., 0], np.tile([1.0, -1.0], (len(states), 1)))
    return np.stack([-bounds[:, 1], bounds[:, 0]], 1)


def test_it_moves_and_pays_as_its_equations_say(x64):
    state = State(jnp.array(0.5), jnp.array(0.3), jnp.array(-0.2))
    for push, played in ((0.4, 0.4), (3.0, 1.0), (-2.0, -1.0)):
        after, reward, terminal = step(jax.random.key(0), state, jnp.array([push]))
        x, v = moved(0.5, 0.3, played)
        np.testing.assert_allclose([after.x, after.velocity, reward], [x, v, 1 - abs(x + 0.2) / 2], rtol=1e-12)
        assert not terminal
    _, reward, terminal = step(jax.random.key(0), State(jnp.array(0.99), jnp.array(0.3), jnp.array(0.9)), jnp.ones(1))
    assert terminal
    assert reward == 0
    np.testing.assert_allclose(cart().observe(state), [0.5, 0.3, -0.2])


def test_starts_are_at_rest_and_safe(key):
    first, many = reset(jax.random.clone(key)), starts(key, 2000)
    assert first.x.shape == ()
    assert (many.velocity == 0).all()
    np.testing.assert_allclose([many.x.min(), many.x.max()], [-0.5, 0.5], atol=0.01)
    np.testing.assert_allclose([many.mark.min(), many.mark.max()], [-0.95, 0.95], atol=0.01)


@pytest.mark.system("rl.real_safety_layer")
def test_the_safe_set_is_the_largest_one():
    """Full braking, the best there is, from states on both sides of the edge; finer steps stand for all time."""
    for v in (0.2, 0.7, 1.3):
        for off, crashes in ((-2 * MARGIN, False), (2 * MARGIN, True)):
            x, speed, edge = 1 - v**2 / 2 + off, v, []
            while speed > 0:
                x, speed = x + speed * 1e-5 - 0.5e-10, speed - 1e-5
                edge.append(x)
            assert (max(edge) > 1) == crashes
            assert safe(1 - v**2 / 2 + off, v) != crashes


@pytest.mark.system("rl.real_safety_layer")
def test_from_a_safe_state_the_safe_actions_are_exactly_those_between_the_limits(x64):
    states = safe_states()
    for (x, v), (low, high) in zip(states, limits(states), strict=True):
        assert low <= high + 1e-9
        assert low <= 1 + 1e-9
        assert high >= -1 - 1e-9
        for u in (low, high, (low + high) / 2):
            assert safe(*moved(x, v, u))
        assert not safe(*moved(x, v, high + 1e-4))
        assert not safe(*moved(x, v, low - 1e-4))
