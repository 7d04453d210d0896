"""Markov chains and Markov reward processes: what happens by itself, and what it is worth.

Notes    RL & DL notebook U1, Markov process and Markov reward process
Book     Kemeny & Snell 1976, chapters 3 and 4; Sutton & Barto 2018, §3.3
Systems  rl.markov_chain rl.mrp
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import finite, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.tabular import MDP, distributions
from jaxicon.ops.exploration import draw
from jaxicon.ops.linalg import solve
from jaxicon.ops.successors import Successors


class MarkovChain(NamedTuple):
    """P[s, s'] = P[S_{t+1} = s' | S_t = s], a table on the host, in float64."""

    transition: Float[np.ndarray, "s s"]


class MarkovRewardProcess(NamedTuple):
    """A chain that pays: R_s = E[R_{t+1} | S_t = s]."""

    chain: MarkovChain
    reward: Float[np.ndarray, "s"]
    discount: float


def robot(repair: float = 0.0) -> MarkovChain:
    """Sitting (0), standing (1) or crashed (2), with numbers of our own: the notes only draw it.

    Only a standing robot crashes; a crashed one is repaired with probability `repair` a step, and then sits.
    """
    within("robot", 0, 1, repair=repair)
    return MarkovChain(np.array([[0.6, 0.4, 0.0], [0.3, 0.6, 0.1], [repair, 0.0, 1 - repair]]))


def working_robot(repair: float = 0.5, discount: float = 0.9) -> MarkovRewardProcess:
    """The robot earns 1 in every step that it stands in and costs 2 in every step that it lies there."""
    return MarkovRewardProcess(robot(repair), np.array([0.0, 1.0, -2.0]), discount)


def check_chain(chain: MarkovChain) -> MarkovChain:
    """The same chain; raises ConfigError if it is not square or a row is no distribution."""
    shape = np.shape(chain.transition)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ConfigError(f"chain: transition has shape {shape}; expected (s, s)")
    distributions("chain", transition=chain.transition)
    return chain


def walk_chain(key: Key, chain: MarkovChain, start: Int[Array, ""], steps: int) -> Int[Array, "t"]:
    """The states before each of `steps` steps, the first of them `start`."""
    table = jnp.asarray(check_chain(chain).transition)
    advance = lambda state, t: (draw(jax.random.fold_in(key, t), table[state]), state)
    return jax.lax.scan(advance, jnp.asarray(start, int), jnp.arange(steps))[1]


def stationary(chain: MarkovChain) -> Float[Array, "s"]:
    """The distribution that a step leaves as it is. It must be the only one, or what comes out means nothing.

    pi P = pi and sum pi = 1 are one system: pi (1 - P + J) = (1, .., 1) with J all ones.
    """
    transition = jnp.asarray(check_chain(chain).transition)
    ones = jnp.ones(len(transition))
    return solve((jnp.eye(len(transition)) - transition + 1).T, ones)


def absorbing(chain: MarkovChain) -> np.ndarray:
    """Which states are never left, [s]."""
    return np.diag(chain.transition) == 1


def _until_absorbed(chain: MarkovChain, gain: Float[Array, "s *k"]) -> Float[Array, "s *k"]:
    """The expected sum of gain[s] over all states on the way to an absorbing one, whose own gain ends the sum."""
    if not absorbing(check_chain(chain)).any():
        raise ConfigError("chain: no state is absorbing; every one can be left")
    moves = np.where(absorbing(chain)[:, None], 0, chain.transition)
    return solve(jnp.eye(len(moves)) - moves, gain)


def absorption_probabilities(chain: MarkovChain) -> Float[Array, "s k"]:
    """The probability of ending in each of the k absorbing states, in their order; raises ConfigError without any."""
    return _until_absorbed(chain, jnp.eye(len(chain.transition))[:, absorbing(chain)])


def absorption_times(chain: MarkovChain) -> Float[Array, "s"]:
    """The expected number of steps until an absorbing state is reached; raises ConfigError without any."""
    return _until_absorbed(chain, jnp.where(absorbing(chain), 0.0, 1.0))


def check_process(process: MarkovRewardProcess) -> MarkovRewardProcess:
    """The same process; raises ConfigError for an ill-formed chain, reward or discount."""
    states = len(check_chain(process.chain).transition)
    if np.shape(process.reward) != (states,):
        raise ConfigError(f"process: reward has shape {np.shape(process.reward)}; expected {(states,)}")
    finite("process", reward=process.reward)
    within("process", 0, 1, discount=process.discount)
    return process


def value_sweep(process: MarkovRewardProcess, value: Float[Array, "s"]) -> Float[Array, "s"]:
    """R_s + discount * sum_s' P_ss' v(s'): the value is what this leaves as it is."""
    return process.reward + process.discount * (process.chain.transition @ value)


def process_value(process: MarkovRewardProcess) -> Float[Array, "s"]:
    """v = (1 - discount P)^-1 R.

    Absorbing states without reward are worth 0, so that undiscounted processes have a value if all others lead there.
    """
    over = absorbing(check_process(process).chain) & (process.reward == 0)
    moves = np.where(over[:, None], 0, process.chain.transition)
    return solve(jnp.eye(len(moves)) - process.discount * moves, jnp.asarray(process.reward))


def induced(mdp: MDP, policy: Float[np.ndarray, "s a"]) -> MarkovRewardProcess:
    """What an MDP is to somebody who plays this policy; on the host."""
    table = mdp.transition.dense() if isinstance(mdp.transition, Successors) else mdp.transition
    chain = MarkovChain(np.einsum("sa,sap->sp", policy, table))
    return check_process(MarkovRewardProcess(chain, (policy * mdp.reward).sum(-1), mdp.discount))
