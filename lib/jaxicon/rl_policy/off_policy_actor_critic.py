"""Off-policy actor-critic: a critic of actions learns from anyone's moves, the actor from the critic alone.

Notes    CS182 §7.6.7, Algorithm 23
Paper    Christodoulou 2019, arXiv:1910.07207, whose discrete form this is, without its entropy
Systems  rl.offpolicy_actor_critic
Idea     y = r + discount sum_a' pi'(a' | s') Q'(s', a'),  pi' and Q' copies of every `target_every` updates       (1)
         phi descends  (Q(s, a) - y)^2 / 2  over a memory of what was played, by whomever                          (2)
         theta ascends  sum_a pi(a | s) Q(s, a)  over the same states: over discrete actions, no action is drawn   (3)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, Transition, mean_return, vectorised
from jaxicon.nn.mlp import mlp
from jaxicon.ops import replay
from jaxicon.ops.exploration import draw
from jaxicon.ops.returns import one_step_target
from jaxicon.ops.value_fitting import half_square


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of the actor and of the critic
    actor_rate: float = 1e-3
    critic_rate: float = 1e-3
    discount: float = 0.99
    envs: int = 16  # that move once each before every update
    buffer: int = 160_000  # transitions
    batch: int = 128
    replay_start: int = 1000  # transitions before the first update
    target_every: int = 50
    epsilon: float = 0.1  # share of actions that are drawn from all, not from the policy
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class Pair(NamedTuple):
    actor: Any
    critic: Any


class State(NamedTuple):
    params: Pair
    target: Pair
    opt_state: Pair
    world: Running
    memory: replay.Ring
    count: Array  # updates


def expected(logits: Float[Array, "*b a"], q: Float[Array, "*b a"]) -> Float[Array, "*b"]:
    """E Q(s, a) for a drawn from the policy, exactly: in (1) and in (3)."""
    return (jax.nn.softmax(logits) * q).sum(-1)


def refuse(config: Config, env: Environment) -> None:
    """Raises ConfigError for actions that are not discrete and numbers that cannot be."""
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"off_policy_actor_critic: needs discrete actions, got {env.actions}")
    if config.buffer % config.envs:
        raise ConfigError(f"off_policy_actor_critic: buffer {config.buffer} is no multiple of envs {config.envs}")
    within("off_policy_actor_critic", 0, 1, discount=config.discount, epsilon=config.epsilon)
    within("off_policy_actor_critic", 1, config.buffer, batch=config.batch, replay_start=config.replay_start)
    positive("off_policy_actor_critic", target_every=config.target_every)


def off_policy_actor_critic(
    config: Config, env: Environment, optimizer: Callable[[float], optax.GradientTransformation] = optax.adam
) -> Agent:
    """One step: every environment moves once, then one update of critic and actor.

    The agent acts by its likeliest action. evaluate: `return` of that over fresh episodes, while the `return` of
    training is that of what was played; at epsilon 1 that is chance. Raises ConfigError as `refuse` does.
    """
    refuse(config, env)
    envs, actions = vectorised(env, config.envs), env.actions.count
    nets = Pair(mlp(*config.hidden, actions), mlp(*config.hidden, actions))
    rules = Pair(optimizer(config.actor_rate), optimizer(config.critic_rate))
    logits = lambda params, obs: nets.actor.apply(params.actor, obs)
    q = lambda params, obs: nets.critic.apply(params.critic, obs)

    def init(key: Key, batch: None) -> State:
        *keys, env_key = jax.random.split(key, 3)
        world = envs.reset(env_key)
        params = Pair(*(net.init(key, envs.observe(world)) for net, key in zip(nets, keys, strict=True)))
        opt_state = Pair(*(rule.init(part) for rule, part in zip(rules, params, strict=True)))
        one = jax.eval_shape(lambda: envs.step(env_key, world, jnp.zeros(config.envs, int))[1])
        row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), one)
        return State(params, params, opt_state, world, replay.empty(row, config.buffer), jnp.int32(0))

    def interact(key: Key, state: State) -> State:
        act_key, env_key = jax.random.split(key)
        pi = jax.nn.softmax(logits(state.params, envs.observe(state.world)))
        mixed = (1 - config.epsilon) * pi + config.epsilon / actions
        action = jax.vmap(draw)(jax.random.split(act_key, config.envs), mixed)
        world, seen = envs.step(env_key, state.world, action)
        return state._replace(world=world, memory=replay.append(state.memory, seen))

    def losses(params: Pair, target: Pair, seen: Transition):
        """(2) - (3), of which neither reaches the other's parameters."""
        future = expected(logits(target, seen.next_obs), q(target, seen.next_obs))
        wanted = one_step_target(config.reward_scale * seen.reward, seen.terminal, config.discount, future)  # (1)
        values = q(params, seen.obs)
        chosen = jnp.take_along_axis(values, seen.action[:, None], 1)[:, 0]
        td_loss = half_square(chosen, wanted).mean()
        gain = expected(logits(params, seen.obs), jax.lax.stop_gradient(values)).mean()
        return td_loss - gain, {"td_loss": td_loss, "q": gain}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        world_key, replay_key = jax.random.split(key)
        state = interact(world_key, state)
        seen = replay.sample(replay_key, state.memory, config.batch)
        grads, metrics = jax.grad(losses, has_aux=True)(state.params, state.target, seen)
        pairs = (rule.update(*both) for rule, *both in zip(rules, grads, state.opt_state, strict=True))
        updates, opt_state = zip(*pairs, strict=True)
        learned = optax.apply_updates(state.params, Pair(*updates)), Pair(*opt_state)
        ready = state.memory.written >= config.replay_start
        params, opt_state = optax.tree.where(ready, learned, (state.params, state.opt_state))
        count = state.count + ready
        target = optax.periodic_update(params, state.target, count, config.target_every)
        state = State(params, target, opt_state, state.world, state.memory, count)
        return state, metrics | {"return": state.world.last_score.mean()}

    def act(key: Key, state: State, obs: Array):
        return logits(state.params, obs).argmax(-1)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
