"""A battery in a smart grid: buy when power is cheap, use it when it is dear.

Notes    RL & DL notebook U2, applications: smart grids (named only; the model and its numbers are our own)
Paper    Xu, Zheng & Papalexopoulos 2019, IEEE Transactions on Smart Grid 10, for dispatch under price uncertainty
Systems  rl.app_smartgrid
"""

import numpy as np

from jaxicon.envs.tabular import MDP
from jaxicon.ops.successors import Successors

HOURS = 24
PRICE = 20 + 12 * np.sin(2 * np.pi * (np.arange(HOURS) - 13) / 24) + 8 * np.isin(np.arange(HOURS), (7, 8, 18, 19, 20))
LOAD = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(HOURS) - 11) / 24)  # kWh in an hour; the price is in cents per kWh
MARKET = (0.6, 1.0, 1.8)  # the price of the day times this
CHANGES = ((0.8, 0.2, 0.0), (0.1, 0.8, 0.1), (0.0, 0.3, 0.7))  # from hour to hour
EFFICIENCY = 0.9  # of charging: so much of what is bought can be used


def place(hour: int, charge: int, market: int, capacity: int) -> int:
    """The index of a state; the one after the last hour is the end."""
    return (hour * (capacity + 1) + charge) * len(MARKET) + market


def battery(capacity: int = 6) -> MDP:
    """A day: in every hour the battery gives one kWh to the household (action 0), rests (1) or takes one (2).

    A state is (hour, kWh in the battery, market); what is full or empty rests. The reward is minus what the household
    pays, in euros. The day begins with an empty battery and an ordinary market, and is not discounted.
    """
    end = place(HOURS, 0, 0, capacity)
    after, reward = np.full((end + 1, 3, len(MARKET)), end, np.int32), np.zeros((end + 1, 3))
    chance = np.tile(np.eye(len(MARKET))[0], (end + 1, 3, 1))
    for hour, charge, market in np.ndindex(HOURS, capacity + 1, len(MARKET)):
        s = place(hour, charge, market, capacity)
        for action in range(3):
            change = int(np.clip(charge + action - 1, 0, capacity)) - charge
            bought = LOAD[hour] + (change / EFFICIENCY if change > 0 else change)
            reward[s, action] = -PRICE[hour] * MARKET[market] * max(bought, 0) / 100
            if hour + 1 < HOURS:
                after[s, action] = [place(hour + 1, charge + change, m, capacity) for m in range(len(MARKET))]
                chance[s, action] = CHANGES[market]
    states = np.arange(end + 1)
    start = (states == place(0, 0, 1, capacity)).astype(float)
    return MDP(Successors(after, chance), reward, 1.0, states == end, start)
