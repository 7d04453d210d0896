"""Environments as pure functions: one unbatched environment, n running copies of it, and episodes of a policy.

Notes    RL & DL notebook U1, U4; DL4CV lecture 21
Systems  rl.vectorised_env_api other.agent_env_interfaces
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key
from jaxicon.envs.conformance import check_environment


class Discrete(NamedTuple):
    """The actions 0 .. count - 1."""

    count: int


class Box(NamedTuple):
    """Real vectors between two bounds, each [d]."""

    low: np.ndarray
    high: np.ndarray


class Environment(NamedTuple):
    """One environment, without time limit and without reset of its own.

    reset(key) -> state                                  a fresh start
    step(key, state, action) -> state, reward, terminal  terminal: the task is over and the future is worth nothing
    observe(state) -> obs                                what the agent sees
    """

    reset: Callable
    step: Callable
    observe: Callable
    actions: Discrete | Box
    horizon: int  # steps after which an episode is cut off, over or not
    starts: Callable | None = None  # (key, n) -> n independent resets, where one draw for all is cheaper than n


class Transition(NamedTuple):
    """What an agent learns from; terminal cuts the bootstrap, truncated does not, at most one of them holds."""

    obs: Array
    action: Array
    reward: Float[Array, "*n"]
    terminal: Bool[Array, "*n"]
    truncated: Bool[Array, "*n"]
    next_obs: Array  # before any reset


class Running(NamedTuple):
    """n copies, each in the middle of an episode."""

    state: Any
    time: Int[Array, "n"]
    score: Float[Array, "n"]  # undiscounted return so far
    last_score: Float[Array, "n"]  # return of the last episode that ended; 0 before there is one


class Chance(NamedTuple):
    """All the randomness of one step of n copies."""

    words: Array  # key data of the step itself
    starts: Any  # states [n]: where those go on that are over after the step


class Vectorised(NamedTuple):
    """reset(key) -> Running;  step(key, running, action [n]) -> Running, Transition;  observe(running) -> obs [n]

    step(key, ...) is move(chance(key), ...): of many steps the chances can be drawn at once, which costs much less.
    """

    reset: Callable
    step: Callable
    observe: Callable
    chance: Callable
    move: Callable


def where_each(flag: Bool[Array, "n"], yes: Any, no: Any) -> Any:
    """Leaf by leaf, the rows of `yes` where the flag holds and those of `no` where it does not."""
    choose = lambda x, y: jnp.where(flag.reshape(flag.shape + (1,) * (x.ndim - 1)), x, y)
    return jax.tree.map(choose, yes, no)


def vectorised(env: Environment, n: int) -> Vectorised:
    """n copies with time limit and automatic reset; raises ConfigError for an environment that is ill-formed."""
    check_environment(env)
    return copies(env, n)


def copies(env: Environment, n: int) -> Vectorised:
    """The same unchecked, for an environment whose observations or actions are more than one array."""
    starts = env.starts or (lambda key, n: jax.vmap(env.reset)(jax.random.split(key, n)))
    observe = lambda running: jax.vmap(env.observe)(running.state)

    def reset(key: Key) -> Running:
        return Running(starts(key, n), jnp.zeros(n, jnp.int32), jnp.zeros(n), jnp.zeros(n))

    def chance(key: Key) -> Chance:
        step_key, reset_key = jax.random.split(key)
        return Chance(jax.random.key_data(step_key), starts(reset_key, n))

    def move(chance: Chance, running: Running, action: Any) -> tuple[Running, Transition]:
        keys = jax.random.split(jax.random.wrap_key_data(chance.words), n)
        state, reward, terminal = jax.vmap(env.step)(keys, running.state, action)
        time, score = running.time + 1, running.score + reward
        truncated = ~terminal & (time >= env.horizon)
        over = terminal | truncated
        seen = Transition(observe(running), action, reward, terminal, truncated, jax.vmap(env.observe)(state))
        after = Running(
            where_each(over, chance.starts, state),
            jnp.where(over, 0, time),
            jnp.where(over, 0, score),
            jnp.where(over, score, running.last_score),
        )
        return after, seen

    step = lambda key, running, action: move(chance(key), running, action)
    return Vectorised(reset, step, observe, chance, move)


class Episode(NamedTuple):
    """One episode from a fresh start; after its end `alive` is false and the reward 0."""

    state: Any  # leading axis t = 0 .. horizon - 1: the state before each step
    action: Array
    reward: Float[Array, "t"]
    alive: Bool[Array, "t"]


def episode(key: Key, env: Environment, policy: Callable[[Key, Array], Array]) -> Episode:
    """policy(key, obs) -> action plays until the end or the horizon."""
    start_key, play_key = jax.random.split(key)

    def advance(carry, t):
        state, alive = carry
        act_key, step_key = jax.random.split(jax.random.fold_in(play_key, t))
        action = policy(act_key, env.observe(state))
        after, reward, terminal = env.step(step_key, state, action)
        return (after, alive & ~terminal), Episode(state, action, jnp.where(alive, reward, 0), alive)

    return jax.lax.scan(advance, (env.reset(start_key), jnp.array(True)), jnp.arange(env.horizon))[1]


def mean_return(key: Key, env: Environment, policy: Callable[[Key, Array], Array], episodes: int) -> Float[Array, ""]:
    """Mean undiscounted return of a policy over independent episodes."""
    play = lambda key: episode(key, env, policy).reward.sum()
    return jax.vmap(play)(jax.random.split(key, episodes)).mean()
