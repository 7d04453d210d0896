"""Deep Q-network: Q-learning with a network, a replay buffer and a target network.

Notes    CS182 §7.6.3 to §7.6.5, Algorithm 22; RL & DL notebook U1; MIT 6.S191 lecture 5; DL4CV lecture 21
Paper    Mnih et al. 2015, Nature 518, Algorithm 1; Andrychowicz et al. 2017, arXiv:1707.01495, for the ceiling
Systems  rl.dqn rl.q_target
Idea     minimise  (r + discount max_a' Q_target(s', a') - Q(s, a))^2,  without the max where s' is terminal     (1)
Erratum  No source leaves out the bootstrap at a terminal state. The cookbook prints the target without its max, and
         DL4CV lecture 21 with the network that is being trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, Transition, mean_return, vectorised
from jaxicon.nn import mlp as nn
from jaxicon.ops import replay
from jaxicon.ops.exploration import draw, epsilon_greedy, linear_decay
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 2e-3  # falls linearly to zero
    updates: int = 30_000  # after so many
    discount: float = 0.99
    envs: int = 10  # one update every so many environment steps
    buffer: int = 300_000  # transitions
    batch: int = 128
    replay_start: int = 1000  # transitions before the first update
    target_every: int = 20  # updates between two copies of the network into the target
    ceiling: float = float("inf")  # largest reward / (1 - discount), if known: no next state is worth more
    epsilon_end: float = 0.05  # falls linearly from 1
    epsilon_steps: float = 40_000.0  # in so many environment steps
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any
    target: Any
    opt_state: optax.OptState
    world: Running
    memory: replay.Ring


def best_by_target(online: Float[Array, "a"], target: Float[Array, "a"]) -> Float[Array, ""]:
    """Value of the next state, from the online and the target network's action values there; the max in (1)."""
    return target.max()


def dqn(config: Config, env: Environment, bootstrap: Callable = best_by_target) -> Agent:
    """One step: every environment moves once, then one update.

    evaluate: `return` of the greedy policy over fresh episodes, and `value`, what the network expects at their start: a
    policy may stay good while its values diverge, and only the second shows it.
    Raises ConfigError where actions are not discrete or the buffer is no multiple of the number of environments.
    """
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"dqn: needs discrete actions, got {env.actions}")
    if config.buffer % config.envs:
        raise ConfigError(f"dqn: buffer {config.buffer} is no multiple of envs {config.envs}")
    net = nn.mlp(*config.hidden, env.actions.count)
    envs = vectorised(env, config.envs)
    optimizer = optax.adam(optax.linear_schedule(config.learning_rate, 0, config.updates))

    def init(key: Key, batch: None) -> State:
        net_key, env_key = jax.random.split(key)
        world = envs.reset(env_key)
        params = net.init(net_key, envs.observe(world))
        one = jax.eval_shape(lambda: envs.step(env_key, world, jnp.zeros(config.envs, int))[1])
        memory = replay.empty(jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), one), config.buffer)
        return State(params, params, optimizer.init(params), world, memory)

    def interact(key: Key, state: State) -> State:
        act_key, env_key = jax.random.split(key)
        epsilon = linear_decay(state.memory.written, 1.0, config.epsilon_end, config.epsilon_steps)
        q = net.apply(state.params, envs.observe(state.world))
        explore = lambda key, q: draw(key, epsilon_greedy(q, epsilon))
        action = jax.vmap(explore)(jax.random.split(act_key, config.envs), q)
        world, seen = envs.step(env_key, state.world, action)
        return state._replace(world=world, memory=replay.append(state.memory, seen))

    def loss(params, target, batch: Transition):
        q = (net.apply(params, batch.obs) * jax.nn.one_hot(batch.action, env.actions.count)).sum(-1)
        following = jax.vmap(bootstrap)(net.apply(params, batch.next_obs), net.apply(target, batch.next_obs))
        following = jnp.minimum(following, config.ceiling)
        wanted = one_step_target(batch.reward, batch.terminal, config.discount, following)  # (1)
        return jnp.mean((jax.lax.stop_gradient(wanted) - q) ** 2), q.mean()

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        world_key, replay_key = jax.random.split(key)
        state = interact(world_key, state)
        lesson = replay.sample(replay_key, state.memory, config.batch)
        (td_loss, q), grads = jax.value_and_grad(loss, has_aux=True)(state.params, state.target, lesson)
        updates, opt_state = optimizer.update(grads, state.opt_state)
        learned = optax.apply_updates(state.params, updates), opt_state
        ready = state.memory.written >= config.replay_start
        params, opt_state = optax.tree.where(ready, learned, (state.params, state.opt_state))
        count = state.memory.written // config.envs
        target = optax.periodic_update(params, state.target, count, config.target_every)
        metrics = {"td_loss": td_loss, "q": q, "return": state.world.last_score.mean()}
        return state._replace(params=params, target=target, opt_state=opt_state), metrics

    def act(key: Key, state: State, obs: Float[Array, "..."]):
        return net.apply(state.params, obs).argmax(-1)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        start_key, play_key = jax.random.split(key)
        score = mean_return(play_key, env, lambda key, obs: act(key, state, obs), config.episodes)
        value = net.apply(state.params, envs.observe(envs.reset(start_key))).max(-1).mean()
        return {"return": score, "value": value}

    return Agent(init, step, evaluate, act)
