"""Deep Q-network: Q-learning with a network, a replay buffer and a target network.

Notes    CS182 §7.6.3 to §7.6.5, §7.6.8, Algorithms 20-22; RL & DL notebook U1; MIT 6.S191 lecture 5; DL4CV lecture 21
Paper    Mnih et al. 2015, Nature 518, Algorithm 1; Andrychowicz et al. 2017, arXiv:1707.01495, for the ceiling
Systems  rl.dqn rl.q_target rl.dqn_s4_listing rl.q_stability_practice
Idea     minimise  (r + discount max_a' Q_target(s', a') - Q(s, a))^2,  without the max where s' is terminal     (1)
Erratum  No source leaves out the bootstrap at a terminal state. The cookbook prints the target without its max, and
         DL4CV lecture 21 with the network that is being trained. The notebook's listing (4-24-24-2, 770 parameters)
         neither explores nor updates, so that it plays a network that has learned nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, Transition, mean_return, vectorised
from jaxicon.nn import mlp as nn
from jaxicon.nn.network import Network
from jaxicon.ops import replay
from jaxicon.ops.exploration import draw, epsilon_greedy, linear_decay
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 2e-3  # falls linearly to zero
    updates: int = 30_000  # after so many
    discount: float = 0.99
    envs: int = 10  # that move once each
    buffer: int = 100_000  # transitions
    batch: int = 128
    replay_start: int = 1000  # transitions before the first update
    repeats: int = 1  # updates after every such move
    target_every: int = 20  # such moves between two copies of the network into the target
    ceiling: float = float("inf")  # largest reward / (1 - discount), if known: no next state is worth more
    epsilon_end: float = 0.05  # falls linearly from 1
    epsilon_steps: float = 40_000.0  # in so many environment steps
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any
    target: Any
    opt_state: optax.OptState
    world: Running
    memory: Any


def best_by_target(online: Float[Array, "a"], target: Float[Array, "a"]) -> Float[Array, ""]:
    """Value of the next state, by both networks' action values there: the max in (1). Algorithm 20 has online.max()."""
    return target.max()


def refuse(config: Config, env: Environment) -> None:
    """Raises ConfigError for actions that are not discrete and numbers that cannot be."""
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"dqn: needs discrete actions, got {env.actions}")
    whole = ("updates", "envs", "repeats", "buffer", "batch", "target_every", "episodes")
    positive("dqn", **{name: getattr(config, name) for name in (*whole, "learning_rate", "epsilon_steps")})
    within("dqn", 0, 1, discount=config.discount, epsilon_end=config.epsilon_end)
    within("dqn", 1, config.buffer, batch=config.batch, envs=config.envs)
    if config.buffer % config.envs:
        raise ConfigError(f"dqn: buffer {config.buffer} is no multiple of envs {config.envs}")


def dqn(
    config: Config,
    env: Environment,
    bootstrap: Callable = best_by_target,
    network: Callable[[int], Network] | None = None,
    memory: replay.Memory = replay.uniform,
) -> Agent:
    """One step: every environment moves once, then `repeats` updates.

    network(actions) maps obs [..., d] to values [..., actions]; by default a perceptron with `hidden` layers.
    evaluate: `return` of the greedy policy over fresh episodes, and `value`, what the network expects at their start: a
    policy may stay good while its values diverge, and only the second shows it. Raises ConfigError as `refuse` does.
    """
    refuse(config, env)
    net = (network or partial(nn.mlp, *config.hidden))(env.actions.count)
    envs = vectorised(env, config.envs)
    optimizer = optax.adam(optax.linear_schedule(config.learning_rate, 0, config.updates))

    def init(key: Key, batch: None) -> State:
        net_key, env_key = jax.random.split(key)
        world = envs.reset(env_key)
        params = net.init(net_key, envs.observe(world))
        one = jax.eval_shape(lambda: envs.step(env_key, world, jnp.zeros(config.envs, int))[1])
        row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), one)
        return State(params, params, optimizer.init(params), world, memory.empty(row, config.buffer))

    def interact(key: Key, state: State) -> State:
        act_key, env_key = jax.random.split(key)
        epsilon = linear_decay(state.memory.written, 1.0, config.epsilon_end, config.epsilon_steps)
        q = net.apply(state.params, envs.observe(state.world))
        action = jax.vmap(draw)(
            jax.random.split(act_key, config.envs), jax.vmap(lambda q: epsilon_greedy(q, epsilon))(q)
        )
        world, seen = envs.step(env_key, state.world, action)
        return state._replace(world=world, memory=memory.append(state.memory, seen))

    def loss(params, target, drawn: replay.Drawn):
        seen: Transition = drawn.rows
        q = (net.apply(params, seen.obs) * jax.nn.one_hot(seen.action, env.actions.count)).sum(-1)
        following = jax.vmap(bootstrap)(net.apply(params, seen.next_obs), net.apply(target, seen.next_obs))
        following = jnp.minimum(following, config.ceiling)
        wanted = one_step_target(seen.reward, seen.terminal, config.discount, following)  # (1)
        error = jax.lax.stop_gradient(wanted) - q
        return jnp.mean(drawn.weight * error**2), (error, q.mean())

    def learn(key: Key, state: State) -> tuple[State, dict]:
        drawn = memory.sample(key, state.memory, config.batch)
        (td_loss, (error, q)), grads = jax.value_and_grad(loss, has_aux=True)(state.params, state.target, drawn)
        updates, opt_state = optimizer.update(grads, state.opt_state)
        learned = optax.apply_updates(state.params, updates), opt_state
        ready = state.memory.written >= config.replay_start
        params, opt_state = optax.tree.where(ready, learned, (state.params, state.opt_state))
        kept = memory.rate(state.memory, drawn.index, error)
        return state._replace(params=params, opt_state=opt_state, memory=kept), {"td_loss": td_loss, "q": q}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        world_key, replay_key = jax.random.split(key)
        state = interact(world_key, state)
        again = lambda state, i: learn(jax.random.fold_in(replay_key, i), state)
        state, metrics = jax.lax.scan(again, state, jnp.arange(config.repeats))
        count = state.memory.written // config.envs
        target = optax.periodic_update(state.params, state.target, count, config.target_every)
        metrics = jax.tree.map(jnp.mean, metrics) | {"return": state.world.last_score.mean()}
        return state._replace(target=target), metrics

    def act(key: Key, state: State, obs: Float[Array, "..."]):
        return net.apply(state.params, obs).argmax(-1)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        start_key, play_key = jax.random.split(key)
        score = mean_return(play_key, env, lambda key, obs: act(key, state, obs), config.episodes)
        value = net.apply(state.params, envs.observe(envs.reset(start_key))).max(-1).mean()
        return {"return": score, "value": value}

    return Agent(init, step, evaluate, act)
