"""Soft actor-critic: reward and entropy together, off policy, from a stochastic actor and the lower of two critics.

Notes    RL & DL notebook U1, Stable Baselines3
Paper    Haarnoja et al. 2018, arXiv:1812.05905, Algorithm 1; arXiv:1801.01290 for the fixed point
Systems  rl.sac
Idea     critics: minimise  mean (y - Q_i(s, a))^2,
                  y = r + discount (min_i Q_i'(s', a') - alpha log pi(a' | s')), a' ~ pi,  y = r at a terminal s'    (1)
         actor:   minimise  mean alpha log pi(a | s) - min_i Q_i(s, a),  a = tanh(mean + std n) of the actor         (2)
         alpha:   minimise  log alpha mean (- log pi(a | s) - H),  H the entropy that is wanted                      (3)
         (3) has log alpha for alpha, as the authors' code: the same zero and the same sign of the gradient.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Transition, mean_return
from jaxicon.envs.experience import Experience, life
from jaxicon.nn.critic import critics
from jaxicon.nn.flat import flat
from jaxicon.nn.mlp import mlp
from jaxicon.ops.returns import one_step_target
from jaxicon.ops.squashed import squashed_gaussian

LOG_STD = (-20.0, 2.0)  # what the actor may say of it


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (256, 256)  # of the actor and of each critic
    actor_rate: float = 3e-4
    critic_rate: float = 3e-4
    alpha_rate: float = 3e-4
    first_alpha: float = 1.0  # from which the temperature sets out
    entropy: float = -1.0  # wanted per dimension of an action in [-1, 1]^d, in nats: H / d
    mixing: float = 0.005  # of the critics into their targets, at every step
    discount: float = 0.99
    envs: int = 1  # one update every so many environment steps
    buffer: int = 1_000_000  # transitions
    batch: int = 256
    warmup: int = 1000  # moves of every environment, by uniform actions, before the first step
    reward_scale: float = 1.0  # what the critics learn is the return times this
    episodes: int = 32  # in evaluate


class Parts(NamedTuple):
    """Something of all that learns: parameters, networks as vectors, or the state of their optimizers."""

    actor: Any
    critics: Any
    log_alpha: Any


class State(NamedTuple):
    params: Parts
    target: Float[Array, "p"]  # of the critics
    opt_state: Parts
    now: Experience


def soft_target(
    reward: Float[Array, "*b"],
    terminal: Bool[Array, "*b"],
    discount: float,
    q: Float[Array, "i *b"],
    log_prob: Float[Array, "*b"],
    alpha: float | Array,
) -> Float[Array, "*b"]:
    """(1), from what i critics say of a drawn next action and its log-probability."""
    return one_step_target(reward, terminal, discount, q.min(0) - alpha * log_prob)


def sac(config: Config, env: Environment) -> Agent:
    """One step: every environment moves once by a drawn action, then one update of critics, actor and alpha, in turn.

    The agent acts by tanh(mean); evaluate: `return` of that over fresh episodes. Raises ConfigError where actions are
    no box with bounds, or a number of the config cannot be.
    """
    world = life("sac", config, env)
    actor, critic = flat(mlp(*config.hidden, 2 * world.dims)), flat(critics(*config.hidden, count=2))
    rules = Parts(*map(optax.adam, (config.actor_rate, config.critic_rate, config.alpha_rate)))

    def moments(vector, obs):
        mean, log_std = jnp.split(actor.apply(vector, obs), 2, -1)
        return mean, jnp.clip(log_std, *LOG_STD)

    def drawn(key: Key, vector, obs):
        mean, log_std = moments(vector, obs)
        return squashed_gaussian(mean, log_std, jax.random.normal(key, mean.shape))

    def init(key: Key, batch: None) -> State:
        actor_key, critic_key, life_key = jax.random.split(key, 3)
        now = world.start(life_key)
        obs = world.observe(now)
        critic_vector = critic.init(critic_key, obs, jnp.zeros((config.envs, world.dims)))
        params = Parts(actor.init(actor_key, obs), critic_vector, jnp.log(jnp.asarray(config.first_alpha, float)))
        opt_state = Parts(*(rule.init(vector) for rule, vector in zip(rules, params, strict=True)))
        return State(params, critic_vector, opt_state, now)

    def learn(key: Key, state: State, seen: Transition) -> tuple[State, dict]:
        next_key, actor_key = jax.random.split(key)
        params, alpha = state.params, jnp.exp(state.params.log_alpha)
        next_action, next_log_prob = drawn(next_key, params.actor, seen.next_obs)
        q_next = critic.apply(state.target, seen.next_obs, next_action)
        reward = config.reward_scale * seen.reward
        wanted = soft_target(reward, seen.terminal, config.discount, q_next, next_log_prob, alpha)

        def td_loss(vector):  # (1)
            q = critic.apply(vector, seen.obs, seen.action)
            return jnp.mean((wanted[None] - q) ** 2, 1).sum(), q.mean()

        def cost(vector, critic_vector):  # (2)
            action, log_prob = drawn(actor_key, vector, seen.obs)
            return (alpha * log_prob - critic.apply(critic_vector, seen.obs, action).min(0)).mean(), log_prob.mean()

        def improved(name: str, grads):
            change, opt_state = getattr(rules, name).update(grads, getattr(state.opt_state, name))
            return getattr(params, name) + change, opt_state

        (loss, q), grads = jax.value_and_grad(td_loss, has_aux=True)(params.critics)
        critic_vector, critic_state = improved("critics", grads)
        grads, log_prob = jax.grad(cost, has_aux=True)(params.actor, critic_vector)
        actor_vector, actor_state = improved("actor", grads)
        log_alpha, alpha_state = improved("log_alpha", -log_prob - config.entropy * world.dims)  # (3)
        target = optax.incremental_update(critic_vector, state.target, config.mixing)
        params, opt_state = (actor_vector, critic_vector, log_alpha), (actor_state, critic_state, alpha_state)
        state = state._replace(params=Parts(*params), target=target, opt_state=Parts(*opt_state))
        return state, {"td_loss": loss, "q": q, "alpha": alpha, "entropy": -log_prob}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        act_key, move_key, recall_key, learn_key = jax.random.split(key, 4)
        action, _ = drawn(act_key, state.params.actor, world.observe(state.now))
        now, _ = world.move(move_key, state.now, action)
        state, metrics = learn(learn_key, state._replace(now=now), world.recall(recall_key, now))
        return state, metrics | {"return": now.running.last_score.mean()}

    def act(key: Key, state: State, obs: Float[Array, "*b d"]):
        return world.own(jnp.tanh(moments(state.params.actor, obs)[0]))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
