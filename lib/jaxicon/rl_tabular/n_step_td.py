"""n-step TD: n rewards as they came, then the value of where they led.

Notes    deep-learning cookbook, Temporal-Difference (TD) Learning: Monte Carlo with a window of future rewards
Book     Sutton & Barto 2018, §7.1
Systems  rl.td_nstep
Idea     V(s_t) <- V(s_t) + alpha (sum_{i<n} discount^i r_{t+i} + discount^n V(s_{t+n}) - V(s_t))      (1)
         a window that the end of the episode cuts short has the rewards up to there: n = 1 is TD(0), n >= T Monte Carlo
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxicon.core.checks import positive
from jaxicon.core.method import Learner
from jaxicon.envs.path import Path
from jaxicon.envs.tabular import MDP
from jaxicon.rl_tabular.td0 import Config, td0


def window(n: int) -> Callable:
    """(path, discount) -> ((values, t) -> target in (1)).

    The value of s_{t+n} is the one that the updates of s_0 .. s_{t-1} have left: as if played move by move.
    """

    def target(path: Path, discount: float) -> Callable:
        times = jnp.arange(path.reward.size)

        def rule(value, t):
            end = jnp.minimum(t + n, path.length)
            inside = (times >= t) & (times < end)
            weight = jnp.where(inside, discount ** jnp.where(inside, times - t, 0), 0)
            return weight @ path.reward + discount ** (end - t) * value[path.state[end]]

        return rule

    return target


def n_step_td(config: Config, mdp: MDP, policy: Float[Array | np.ndarray, "s a"], n: int) -> Learner:
    """TD(0) with targets of n rewards; all else is the same. Raises ConfigError for a window without a reward."""
    positive("n_step_td", n=n)
    return td0(config, mdp, policy, window(n))
