"""What an agent has seen and how it sees more, where it learns off policy: running copies and a replay buffer.

A transition is one row of numbers in the buffer. With a column for each of its parts, XLA's CPU backend fuses writing
with reading, and so copies the whole buffer in every step.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Environment, Running, Transition, vectorised
from jaxicon.ops import replay


@runtime_checkable
class Numbers(Protocol):
    """What the config of every such agent holds."""

    envs: int
    buffer: int  # transitions
    batch: int
    warmup: int  # moves of every environment before the first update
    discount: float
    mixing: float  # share of the networks in their targets at every update


class Experience(NamedTuple):
    running: Running
    memory: replay.Ring


class Life(NamedTuple):
    """Of `envs` copies, with actions in [-1, 1]^d.

    start(key) -> Experience                                after the warm-up, by uniform actions
    observe(now) -> obs [n, ...]
    move(key, now, action [n, d]) -> Experience, over [n]   over: an episode has ended
    recall(key, now) -> Transition [batch]
    remembered(now) -> Transition [buffer]                  all of it; zeros where nothing is yet
    own(action [..., d]) -> [..., d]                        in the units of the environment
    """

    dims: int
    start: Callable
    observe: Callable
    move: Callable
    recall: Callable
    remembered: Callable
    own: Callable


def check(where: str, config: Numbers) -> None:
    """Raises ConfigError, in the name of `where`, for the first number that cannot be."""
    names = ("envs", "buffer", "batch", "warmup")
    positive(where, **{name: getattr(config, name) for name in names})
    within(where, 0, 1, discount=config.discount, mixing=config.mixing)
    if config.buffer % config.envs:
        raise ConfigError(f"{where}: buffer {config.buffer} is no multiple of envs {config.envs}")
    if config.batch > config.buffer:
        raise ConfigError(f"{where}: batch {config.batch} is larger than buffer {config.buffer}")


def unit_box(where: str, env: Environment) -> tuple[Environment, Callable[[Array], Array]]:
    """The environment with actions in [-1, 1]^d, and the map from those to its own.

    Raises ConfigError, in the name of `where`, for actions that are discrete or without bounds.
    """
    if not isinstance(env.actions, Box) or not np.isfinite([env.actions.low, env.actions.high]).all():
        raise ConfigError(f"{where}: needs actions in a box with bounds, got {env.actions}")
    centre, half = (env.actions.high + env.actions.low) / 2, (env.actions.high - env.actions.low) / 2
    rows = lambda x, like: jnp.broadcast_to(jnp.asarray(x, like.dtype), like.shape)
    own = lambda action: rows(centre, action) + rows(half, action) * action
    step = lambda key, state, action: env.step(key, state, own(action))
    return env._replace(step=step, actions=Box(-np.ones_like(half), np.ones_like(half))), own


def life(where: str, config: Numbers, env: Environment) -> Life:
    """Raises ConfigError, in the name of `where`, for what it cannot be lived with."""
    check(where, config)
    inner, own = unit_box(where, env)
    envs, shape = vectorised(inner, config.envs), (config.envs, inner.actions.low.size)

    def packing() -> tuple[Array, Callable]:
        """An empty row, and the way from a row to its transition."""
        start = jax.eval_shape(envs.reset, jax.random.key(0))
        one = jax.eval_shape(envs.step, jax.random.key(0), start, jax.ShapeDtypeStruct(shape, float))[1]
        return ravel_pytree(jax.tree.map(lambda x: np.zeros(x.shape[1:], x.dtype), one))

    unpack = lambda rows: jax.vmap(packing()[1])(rows)

    def move(key: Key, now: Experience, action: Float[Array, "n d"]) -> tuple[Experience, Array]:
        running, seen = envs.step(key, now.running, action)
        rows = jax.vmap(lambda seen: ravel_pytree(seen)[0])(seen)
        return Experience(running, replay.append(now.memory, rows)), seen.terminal | seen.truncated

    def begin(key: Key) -> Experience:
        start_key, act_key, env_key = jax.random.split(key, 3)
        act = lambda t: jax.random.uniform(jax.random.fold_in(act_key, t), shape, minval=-1.0)
        wander = lambda t, now: move(jax.random.fold_in(env_key, t), now, act(t))[0]
        now = Experience(envs.reset(start_key), replay.empty(packing()[0], config.buffer))
        return jax.lax.fori_loop(0, config.warmup, wander, now)

    def recall(key: Key, now: Experience) -> Transition:
        return unpack(replay.sample(key, now.memory, config.batch))

    observe = lambda now: envs.observe(now.running)
    return Life(shape[1], begin, observe, move, recall, lambda now: unpack(now.memory.rows), own)
