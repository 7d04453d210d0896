"""Off-policy Monte Carlo: the values of one policy from the episodes of another, each return weighted by likelihood.

Notes    RL & DL notebook U1
Book     Sutton & Barto 2018, §5.5 and §5.6
Paper    Precup, Sutton & Singh 2000, ICML
Systems  rl.mc_offpolicy
Idea     rho_t = prod_{k>=t} pi(a_k | s_k) / b(a_k | s_k),  over the first visits of s
         ordinary  sum rho G / N        no bias, but its variance may be infinite                              (1)
         weighted  sum rho G / sum rho  biased, less and less, and no farther off than the returns are         (2)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Learner
from jaxicon.envs.path import Path, check_policy, first_visits, walk
from jaxicon.envs.tabular import MDP
from jaxicon.ops.returns import discounted_returns, policy_value


@dataclass(frozen=True)
class Config:
    horizon: int = 100  # moves after which an episode is cut off; what it would have earned then is the estimate


class State(NamedTuple):
    ordinary: Float[Array, "s"]
    weighted: Float[Array, "s"]
    visits: Int[Array, "s"]  # N
    weight: Float[Array, "s"]  # sum of rho


def likelihoods(path: Path, ratio: Float[Array, "s a"]) -> Float[Array, "t"]:
    """rho of every move: that of the rest of the episode, its own action included."""
    alive = jnp.arange(path.reward.size) < path.length
    return jax.lax.cumprod(jnp.where(alive, ratio[path.state[:-1], path.action], 1.0), reverse=True)


def learn(discount: float, ratio: Float[Array, "s a"], state: State, path: Path) -> State:
    """(1) and (2), as running means over the first visits."""
    s, last = path.state[:-1], path.state[-1]
    first, rho = first_visits(path, s), likelihoods(path, ratio)
    returns = lambda worth: discounted_returns(path.reward, jnp.zeros(s.shape, bool), discount, worth)
    visits, weight = state.visits.at[s].add(first), state.weight.at[s].add(first * rho)
    plain = (rho * returns(state.ordinary[last]) - state.ordinary[s]) / jnp.maximum(visits[s], 1)
    share = jnp.where(rho > 0, rho / jnp.where(weight[s] > 0, weight[s], 1), 0)
    level = share * (returns(state.weighted[last]) - state.weighted[s])
    return State(state.ordinary.at[s].add(first * plain), state.weighted.at[s].add(first * level), visits, weight)


def mc_off_policy(
    config: Config,
    mdp: MDP,
    policy: Float[Array | np.ndarray, "s a"],
    behaviour: Float[Array | np.ndarray, "s a"],
) -> Learner:
    """One step is one episode of `behaviour`, from which both estimates of the values of `policy` learn.

    evaluate: the root mean square of each estimate's error over the states, `ordinary_error` and `weighted_error`.
    Raises ConfigError where `policy` takes an action that `behaviour` never does.
    """
    positive("mc_off_policy", horizon=config.horizon)
    alive = ~check_policy(check_policy(mdp, policy), behaviour).terminal
    policy, behaviour = np.asarray(policy), np.asarray(behaviour)
    never = np.argwhere((policy > 0) & (behaviour == 0) & alive[:, None])
    if len(never):
        raise ConfigError(
            f"mc_off_policy: behaviour never takes action {never[0][1]} in state {never[0][0]}, policy does"
        )
    ratio = policy / np.where(behaviour > 0, behaviour, 1)

    def init(key: Key, batch: None) -> State:
        zeros = jnp.zeros(alive.size)
        return State(zeros, zeros, jnp.zeros(alive.size, jnp.int32), zeros)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        path = walk(key, mdp, behaviour, config.horizon)
        rho = likelihoods(path, jnp.asarray(ratio, float))
        return learn(mdp.discount, jnp.asarray(ratio, float), state, path), {"ratio": rho[0], "length": path.length}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        true = policy_value(mdp.transition, mdp.reward, mdp.discount, jnp.asarray(policy, float))
        error = lambda value: jnp.sqrt(((value - true) ** 2).sum() / alive.sum())
        return {"ordinary_error": error(state.ordinary), "weighted_error": error(state.weighted)}

    return Learner(init, step, evaluate)
