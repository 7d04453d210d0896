"""Domain randomisation: every episode in a world of its own, so that what is learned holds in all of them.

Notes    RL & DL notebook U2, real-world strategies: sim-to-real
Paper    Tobin et al. 2017, arXiv:1703.06907; Peng et al. 2018, arXiv:1710.06537, for dynamics
Systems  rl.real_sim2real
"""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array

from jaxicon.core.method import Key
from jaxicon.envs.environment import Environment


def randomised(make: Callable[[Any], Environment], draw: Callable[[Key], Any]) -> Environment:
    """An environment whose state also carries the numbers of its world: draw(key) at every reset, make(numbers) steps.

    The numbers may shape neither state nor actions. What is observed is what make(numbers) shows: the agent is not told
    in which world it is.
    """
    template = make(draw(jax.random.key(0)))

    def reset(key: Key) -> tuple[Any, Any]:
        draw_key, reset_key = jax.random.split(key)
        numbers = draw(draw_key)
        return numbers, make(numbers).reset(reset_key)

    def step(key: Key, state: tuple[Any, Any], action: Array) -> tuple:
        numbers, inner = state
        after, reward, terminal = make(numbers).step(key, inner, action)
        return (numbers, after), reward, terminal

    def observe(state: tuple[Any, Any]) -> Array:
        numbers, inner = state
        return make(numbers).observe(inner)

    return Environment(reset, step, observe, template.actions, template.horizon)
