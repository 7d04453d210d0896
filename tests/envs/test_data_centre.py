"""Against SciPy's integrator, the balance of energy, and a PID controller written as a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxicon.envs import data_centre as module
from jaxicon.envs.data_centre import (
    CAPACITY,
    FLOW,
    HOURS,
    LIMIT,
    ROWS,
    STEPS,
    State,
    data_centre,
    day,
    heat,
    pid,
    power,
    taken,
)


@pytest.mark.system("rl.case_datacenter")
def test_a_step_takes_as_much_heat_as_it_warms_less(x64):
    """The first law: what the rows make, less what the air takes, is what they get warmer by; rows only exchange."""
    state = State(jnp.array([20.0, 25.0, 23.0]), jnp.array([1.0, -2.0, 0.5]), jnp.int32(100))
    flow, cold = np.array([0.3, 0.8, 0.5]), 17.0
    after, reward, _ = data_centre().step(jax.random.key(0), state, jnp.asarray([*flow, cold]))
    away = FLOW * flow * (np.asarray(state.temperature) - cold)
    np.testing.assert_allclose(taken(jnp.asarray(flow), jnp.asarray(cold), state.temperature), away, rtol=1e-12)
    assert not taken(jnp.asarray(flow), jnp.asarray(26.0), state.temperature).any()
    gained = CAPACITY * np.asarray(after.temperature - state.temperature).sum()
    np.testing.assert_allclose(gained, HOURS * (np.asarray(heat(state)).sum() - away.sum()), rtol=1e-12)
    spent = module.FAN * (flow**3).sum() + away.sum() / (3 + 3 / 4)
    np.testing.assert_allclose(-reward, HOURS * spent, rtol=1e-12)
    np.testing.assert_allclose(power(jnp.asarray(flow), jnp.asarray(cold), state.temperature), spent, rtol=1e-12)


@pytest.mark.system("rl.case_datacenter")
def test_small_steps_follow_the_differential_equation(x64, monkeypatch):
    """(1) with steps of a hundredth and without noise in the load, beside an adaptive integrator, for an hour."""
    monkeypatch.setattr(module, "HOURS", HOURS / 100)
    flow, cold, start = np.array([0.5, 0.6, 0.55]), 16.0, np.array([20.0, 24.0, 22.0])
    state = State(jnp.asarray(start), jnp.zeros(ROWS), jnp.int32(150))
    warm, step = np.asarray(heat(state)), jax.jit(data_centre().step)
    for _ in range(1200):
        state = step(jax.random.key(0), state, jnp.asarray([*flow, cold]))[0]._replace(
            load=jnp.zeros(ROWS), step=jnp.int32(150)
        )

    def slope(t, x):
        ends = np.concatenate([x[:1], x, x[-1:]])
        return (warm - FLOW * flow * (x - cold) + module.EXCHANGE * (ends[:-2] + ends[2:] - 2 * x)) / CAPACITY

    wanted = solve_ivp(slope, (0, 1), start, rtol=1e-9).y[:, -1]
    np.testing.assert_allclose(state.temperature, wanted, atol=0.01)


@pytest.mark.system("rl.case_datacenter")
def test_near_the_limit_the_protection_takes_over():
    hot = State(jnp.array([LIMIT - 0.5, 20.0, LIMIT + 4]), jnp.zeros(ROWS), jnp.int32(0))
    step = lambda flow: data_centre().step(jax.random.key(0), hot, jnp.array([*flow, 16.0]))
    idle, careful = step((0.0, 0.0, 0.0)), step((1.0, 0.0, 1.0))
    np.testing.assert_array_equal(idle[0].temperature, careful[0].temperature)
    np.testing.assert_array_equal(idle[1], careful[1])
    assert idle[0].temperature[2] > LIMIT
    still = HOURS * power(jnp.array([1.0, 0.0, 1.0]), jnp.asarray(16.0), hot.temperature)
    np.testing.assert_allclose(-idle[1], still + 0.5 * (idle[0].temperature[2] - LIMIT), rtol=1e-5)


@pytest.mark.system("rl.case_datacenter")
def test_the_controller_holds_its_temperature_through_the_day_and_never_passes_the_limit(key):
    days = jax.jit(jax.vmap(lambda key: day(key, pid, jnp.zeros((2, ROWS)))))(jax.random.split(key, 20))
    assert days.temperature.max() < LIMIT
    assert abs(days.temperature[:, 24:].mean() - 24) < 0.5
    assert days.energy.shape == (20, STEPS)
    memory, error = np.zeros((2, ROWS)), np.array([1.0, -2.0, 0.0])
    for _ in range(3):
        after, action = pid(jnp.asarray(memory), jnp.concatenate([jnp.asarray(error), jnp.zeros(ROWS + 1)]))
        integral = np.clip(memory[0] + error / 12, -2, 2)
        flow = np.clip(0.5 + 0.25 * error + 0.3 * integral + 0.02 * (error - memory[1]) * 12, 0, 1)
        np.testing.assert_allclose(action, [*flow, 16.0], rtol=1e-5)
        memory, error = np.asarray(after), error * 0.7
        np.testing.assert_allclose(memory[0], integral, rtol=1e-5)
