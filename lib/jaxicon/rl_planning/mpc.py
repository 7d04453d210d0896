"""Model predictive control: plan some steps ahead, do the first, plan again from where that led.

Notes    RL & DL notebook U2, model-based RL §4
Paper    Garcia, Prett & Morari 1989, Automatica 25; Chua et al. 2018, arXiv:1805.12114, for the cross-entropy method
Systems  plan.mpc
Idea     a_0 .. a_{h-1} = argmax sum_t r(s_t, a_t),  s_{t+1} = model(s_t, a_t),  by the cross-entropy method      (1)
         act by a_0; the rest, a_1 .. a_{h-1}, is where the next search starts                                   (2)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Learner
from jaxicon.envs.environment import Box, Environment
from jaxicon.ops.search import Gaussian, cem


@dataclass(frozen=True)
class Config:
    horizon: int = 20  # steps planned ahead
    iterations: int = 4
    population: int = 64
    elites: int = 8
    std: float = 0.5  # of the first samples, in units of half the range of actions


class State(NamedTuple):
    """n episodes, in step with each other."""

    world: Any  # the environment's states
    plan: Float[Array, "n h *a"]
    action: Float[Array, "n *a"]  # the last one that was done
    time: Int[Array, ""]
    alive: Bool[Array, "n"]
    score: Float[Array, "n"]  # undiscounted return so far


def promise(key: Key, model: Environment, state: Any, actions: Float[Array, "h *a"]) -> Float[Array, ""]:
    """What the model says that the actions will earn from here, up to the end of the episode if there is one."""

    def advance(carry, now):
        state, alive = carry
        t, action = now
        after, reward, terminal = model.step(jax.random.fold_in(key, t), state, action)
        return (after, alive & ~terminal), jnp.where(alive, reward, 0)

    steps = jnp.arange(actions.shape[0]), actions
    return jax.lax.scan(advance, (state, jnp.array(True)), steps)[1].sum()


def planned(
    key: Key, config: Config, model: Environment, state: Any, guess: Float[Array, "h *a"]
) -> Float[Array, "h *a"]:
    """(1): the mean of the last Gaussian of a search that starts around the guess."""
    search_key, model_key = jax.random.split(key)
    low, high = model.actions
    start = Gaussian(guess, jnp.broadcast_to(config.std * (high - low) / 2, guess.shape).astype(guess.dtype))
    score = lambda actions: promise(model_key, model, state, actions)
    return cem(search_key, score, start, config.iterations, config.population, config.elites, low, high).mean


def mpc(config: Config, env: Environment, model: Environment | None = None) -> Learner:
    """Episodes of `env` from the states of the first batch [n ...], planned in `model`, by default env itself.

    A step is one step of every episode. evaluate: the mean `return` so far and the `worst`.
    Raises ConfigError where actions are not continuous.
    """
    if not isinstance(env.actions, Box):
        raise ConfigError(f"mpc: needs continuous actions, got {env.actions}")
    model = model or env

    def init(key: Key, starts: Any) -> State:
        count = jax.tree.leaves(starts)[0].shape[0]
        middle = jnp.asarray(env.actions.low + env.actions.high, float) / 2
        plan = jnp.broadcast_to(middle, (count, config.horizon, *middle.shape))
        return State(starts, plan, plan[:, 0], jnp.int32(0), jnp.full(count, True), jnp.zeros(count))

    def step(key: Key, state: State, batch: Any) -> tuple[State, dict]:
        plan_key, env_key = jax.random.split(key)
        each = lambda key: jax.random.split(key, state.score.size)
        search = lambda key, world, guess: planned(key, config, model, world, guess)
        plan = jax.vmap(search)(each(plan_key), state.world, state.plan)
        world, reward, terminal = jax.vmap(env.step)(each(env_key), state.world, plan[:, 0])
        earned = jnp.where(state.alive, reward, 0)
        following = jnp.concatenate([plan[:, 1:], plan[:, -1:]], axis=1)  # (2)
        alive = state.alive & ~terminal & (state.time + 1 < env.horizon)
        state = State(world, following, plan[:, 0], state.time + 1, alive, state.score + earned)
        return state, {"reward": earned.mean()}

    def evaluate(key: Key, state: State, batch: Any) -> dict:
        return {"return": state.score.mean(), "worst": state.score.min()}

    return Learner(init, step, evaluate)
