"""A data centre: racks that make heat, cooling that takes power, and a temperature that must not be passed.

A small thermal simulator of our own, not a model of any real building. The 40 % less energy that the notes quote is
the claim of an operator about another one; nothing here reproduces it.

Notes    RL & DL notebook U2, case study: data-centre cooling
Paper    Lazic et al. 2018, Data center cooling using model-predictive control (NeurIPS), for the kind of model
Systems  rl.case_datacenter
Idea     C dT_i/dt = heat_i(t) - G flow_i (T_i - cold) + K (T_{i-1} + T_{i+1} - 2 T_i)                           (1)
         power = sum_i FAN flow_i^3 + heat taken away / COP,  COP = 3 + (cold - 14) / 4                          (2)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Environment

ROWS, STEPS, HOURS = 3, 288, 1 / 12  # of racks; in a day; of a step
CAPACITY, EXCHANGE, FLOW, FAN = 3.0, 1.0, 8.0, 6.0  # kWh/K, kW/K, kW/K at full flow, kW at full flow
LIMIT, MARGIN = 27.0, 1.0  # °C; so near to the limit the protection of the building takes over
COLDEST, WARMEST = 14.0, 22.0  # °C of the air that comes in


class State(NamedTuple):
    temperature: Float[Array, "rows"]  # °C
    load: Float[Array, "rows"]  # the part of the heat that wanders, kW
    step: Int[Array, ""]


def heat(state: State) -> Float[Array, "rows"]:
    """kW of every row: 25 to 45 over the day, each row a little later than the one before, and what wanders."""
    hour = 24 * state.step / STEPS - jnp.arange(ROWS)
    return 35 + 10 * jnp.sin(2 * jnp.pi * (hour - 9) / 24) + state.load


def taken(
    flow: Float[Array, "rows"], cold: Float[Array, ""], temperature: Float[Array, "rows"]
) -> Float[Array, "rows"]:
    """The kW that the air takes from every row; air that is warmer than a row takes nothing."""
    return FLOW * flow * jnp.maximum(temperature - cold, 0)


def power(flow: Float[Array, "rows"], cold: Float[Array, ""], temperature: Float[Array, "rows"]) -> Float[Array, ""]:
    """(2), in kW."""
    return FAN * (flow**3).sum() + taken(flow, cold, temperature).sum() / (3 + (cold - COLDEST) / 4)


def reset(key: Key) -> State:
    return State(22 + jax.random.normal(key, (ROWS,)), jnp.zeros(ROWS), jnp.int32(0))


def step(key: Key, state: State, action: Float[Array, "controls"]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Flows from 0 to 1 of every row and the temperature of the cold air, in °C; minus the kWh of five minutes.

    A row within MARGIN of the limit gets full flow, whoever controls. Half a kWh more is paid for every degree and row
    above the limit. A day is never over before its time.
    """
    cold = jnp.clip(action[-1], COLDEST, WARMEST)
    flow = jnp.where(state.temperature > LIMIT - MARGIN, 1.0, jnp.clip(action[:-1], 0, 1))
    ends = jnp.concatenate([state.temperature[:1], state.temperature, state.temperature[-1:]])
    mixing = EXCHANGE * (ends[:-2] + ends[2:] - 2 * state.temperature)
    gained = heat(state) - taken(flow, cold, state.temperature) + mixing
    after = state.temperature + HOURS / CAPACITY * gained  # (1), Euler
    load = 0.95 * state.load + 1.0 * jax.random.normal(key, (ROWS,), after.dtype)
    spent = HOURS * power(flow, cold, state.temperature)
    reward = -spent - 0.5 * jnp.maximum(after - LIMIT, 0).sum()
    return State(after, load, state.step + 1), reward, jnp.array(False)


def observe(state: State) -> Float[Array, "d"]:
    """Temperatures above 24 °C, heat above 35 kW in tens, both by row, and a constant."""
    return jnp.concatenate([state.temperature - 24, (heat(state) - 35) / 10, jnp.ones(1)])


def data_centre() -> Environment:
    """A day in steps of five minutes."""
    low, high = np.array([0.0] * ROWS + [COLDEST]), np.array([1.0] * ROWS + [WARMEST])
    return Environment(reset, step, observe, Box(low, high), STEPS)


class Day(NamedTuple):
    """What a controller did, step by step."""

    energy: Float[Array, "t"]  # kWh
    temperature: Float[Array, "t rows"]  # °C, after the step
    action: Float[Array, "t controls"]


def day(key: Key, control: Callable, memory: Array) -> Day:
    """control(memory, obs) -> (memory, action) through a day, so that controllers with a memory can be compared."""
    start_key, noise_key = jax.random.split(key)

    def advance(carry, t):
        state, memory = carry
        memory, action = control(memory, observe(state))
        after, reward, _ = step(jax.random.fold_in(noise_key, t), state, action)
        over = 0.5 * jnp.maximum(after.temperature - LIMIT, 0).sum()
        return (after, memory), Day(-reward - over, after.temperature, action)

    return jax.lax.scan(advance, (reset(start_key), memory), jnp.arange(STEPS))[1]


def pid(memory: Float[Array, "2 rows"], obs: Float[Array, "d"]) -> tuple[Float[Array, "2 rows"], Array]:
    """A textbook PID controller of the flows, to 24 °C, with cold air of 16 °C; memory: integral and last error."""
    error = obs[:ROWS]
    integral = jnp.clip(memory[0] + HOURS * error, -2, 2)  # against wind-up
    flow = 0.5 + 0.25 * error + 0.3 * integral + 0.02 * (error - memory[1]) / HOURS
    return jnp.stack([integral, error]), jnp.append(jnp.clip(flow, 0, 1), 16.0)
