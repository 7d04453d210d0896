"""Against a day reckoned backwards, hour by hour, in plain NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.battery import CHANGES, EFFICIENCY, HOURS, LOAD, MARKET, PRICE, battery, place
from jaxicon.envs.tabular import check
from jaxicon.ops.returns import policy_value
from jaxicon.rl_tabular.value_iteration import value_iteration


def least_cost(capacity: int) -> np.ndarray:
    """Of the rest of the day, in euros, [hour, kWh in the battery, market]."""
    cost = np.zeros((HOURS + 1, capacity + 1, 3))
    for hour in reversed(range(HOURS)):
        ahead = cost[hour + 1] @ np.array(CHANGES).T  # [kWh, market now]
        for kwh, market in np.ndindex(capacity + 1, 3):
            unit = PRICE[hour] * MARKET[market] / 100
            options = [unit * LOAD[hour] + ahead[kwh, market]]
            if kwh > 0:
                options.append(unit * max(LOAD[hour] - 1, 0) + ahead[kwh - 1, market])
            if kwh < capacity:
                options.append(unit * (LOAD[hour] + 1 / EFFICIENCY) + ahead[kwh + 1, market])
            cost[hour, kwh, market] = min(options)
    return cost


@pytest.mark.system("rl.app_smartgrid")
@pytest.mark.parametrize("capacity", [1, 6])
def test_the_best_dispatch_is_that_of_the_day_reckoned_backwards(capacity, key, x64):
    mdp, wanted = check(battery(capacity)), least_cost(capacity)
    method = value_iteration(mdp)
    value, _ = train(key, method, nothing, HOURS + 1, chunk=HOURS + 1)
    np.testing.assert_allclose(-np.asarray(value)[:-1].reshape(HOURS, capacity + 1, 3), wanted[:-1], rtol=1e-12)
    found = evaluate(key, method, value, nothing, 1)
    np.testing.assert_allclose(-found["greedy_value"], wanted[0, 0, 1], rtol=1e-12)
    assert mdp.start[place(0, 0, 1, capacity)] == 1


def test_a_battery_that_always_rests_pays_the_expected_price_of_the_load(x64):
    mdp = battery()
    rests = np.tile([0.0, 1.0, 0.0], (len(mdp.reward), 1))
    market, expected = np.array([0.0, 1.0, 0.0]), 0.0
    for hour in range(HOURS):
        expected += market @ np.array(MARKET) * PRICE[hour] * LOAD[hour] / 100
        market = market @ np.array(CHANGES)
    value = policy_value(mdp.transition, mdp.reward, 1.0, jnp.asarray(rests))
    np.testing.assert_allclose(-mdp.start @ np.asarray(value), expected, rtol=1e-12)
    assert least_cost(6)[0, 0, 1] < 0.8 * expected
