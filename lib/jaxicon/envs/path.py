"""One episode of a policy in a finite MDP, as the tables of Monte-Carlo and temporal-difference learning need it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.tabular import MDP, check, distributions, environment
from jaxicon.ops.exploration import draw


class Path(NamedTuple):
    """s_0 a_0 r_0 s_1 ... s_T, cut off at the horizon T. After its end the state stays terminal and rewards are 0.

    A terminal state is worth 0 in every table of values, and the last state of a path that was cut off is not: so a
    bootstrap from state[t] says the right thing of both.
    """

    state: Int[Array, "t+1"]
    action: Int[Array, "t"]
    reward: Float[Array, "t"]
    length: Int[Array, ""]  # moves until it was over or cut off


def check_policy(mdp: MDP, policy: Float[Array | np.ndarray, "s a"]) -> MDP:
    """The same MDP; raises ConfigError where it, or the policy over its actions, is ill-formed."""
    if np.shape(policy) != np.shape(check(mdp).reward):
        raise ConfigError(f"policy: has shape {np.shape(policy)}; expected {np.shape(mdp.reward)}, (states, actions)")
    distributions("policy", row=np.asarray(policy))
    return mdp


def walk(
    key: Key,
    mdp: MDP,
    policy: Float[Array | np.ndarray, "s a"],
    horizon: int,
    first: tuple[Int[Array, ""], Int[Array, ""]] | None = None,
) -> Path:
    """Plays the policy from a fresh start; or from the state and with the action in `first`, whatever it prefers."""
    env, policy = environment(mdp, horizon), jnp.asarray(policy, float)
    state_key, action_key, play_key = jax.random.split(key, 3)
    if first is None:
        state = env.reset(state_key)
        first = state, draw(action_key, policy[state])

    def move(now, t):
        act_key, step_key = jax.random.split(jax.random.fold_in(play_key, t))
        after, reward, _ = env.step(step_key, *now)
        return (after, draw(act_key, policy[after])), (*now, reward)

    (last, _), (state, action, reward) = jax.lax.scan(move, first, jnp.arange(horizon))
    length = (~jnp.asarray(mdp.terminal)[state]).sum()
    return Path(jnp.append(state, last), action, reward, length)


def first_visits(path: Path, place: Int[Array, "t"]) -> Bool[Array, "t"]:
    """The moves made in a place where no earlier move of the path was made; none after its end."""
    earlier = jnp.tri(place.size, k=-1, dtype=bool)
    return ~((place[:, None] == place[None]) & earlier).any(-1) & (jnp.arange(place.size) < path.length)
