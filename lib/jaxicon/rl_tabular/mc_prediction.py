"""Monte-Carlo prediction: the value of a state as the mean of the returns that followed its visits.

Notes    RL & DL notebook U1; deep-learning cookbook, Monte-Carlo Method
Book     Sutton & Barto 2018, §5.1; Singh & Sutton 1996, Machine Learning 22, for first and every visit
Systems  rl.mc_prediction rl.mc_vs_dp
Idea     V(s) <- V(s) + alpha (G_t - V(s)),  G_t = r_t + discount r_{t+1} + ... to the end;  alpha = 1/N(s) makes means
Erratum  The cookbook ties alpha to the length of the sequence: for an average it is one over the visits of the state.
         The notebook's table has dynamic programming as mainly off-policy: it follows no policy at all, it needs the
         model. With it the error falls by a factor in every sweep; that of Monte Carlo is one over the root of samples.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxicon.core.method import Learner
from jaxicon.envs.path import Path, first_visits
from jaxicon.envs.tabular import MDP
from jaxicon.ops.returns import discounted_returns
from jaxicon.rl_tabular.td0 import Config, every_visit, td0

MEAN = Config(step_size=1.0, power=1.0)  # alpha = 1/N


def complete(path: Path, discount: float) -> Callable:
    """(values, t) -> the return after t. What an episode would have earned after it was cut off is its last value."""
    returns = discounted_returns(path.reward, jnp.zeros(path.reward.shape, bool), discount)
    return lambda value, t: returns[t] + discount ** (path.length - t) * value[path.state[path.length]]


def first_visit(path: Path) -> Bool[Array, "t"]:
    """The moves from states that the path had not been in before."""
    return first_visits(path, path.state[:-1])


def mc_prediction(
    config: Config, mdp: MDP, policy: Float[Array | np.ndarray, "s a"], counted: Callable = every_visit
) -> Learner:
    """One step is one episode, learned from when it is over.

    counted: every_visit, whose mean is biased as long as there are few episodes and varies less; or first_visit, whose
    returns are independent, and whose mean has no bias.
    """
    return td0(config, mdp, policy, complete, counted)
