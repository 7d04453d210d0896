"""Q actor-critic: the critic learns the worth of actions by SARSA, and the actor makes an action likelier by its worth.

Notes    deep-learning cookbook, Actor-Critic
Book     Sutton & Barto 2018, §6.4, §13.5
Systems  rl.q_actor_critic
Idea     play a in s, see r and s', draw a' from pi(. | s'), which is played next                                  (1)
         theta <- theta + actor_rate Q(s, a) grad log pi(a | s)                                                     (2)
         w <- w + critic_rate (r + discount Q(s', a') - Q(s, a)) grad Q(s, a)                                       (3)
Erratum  The cookbook leaves out that nothing follows a terminal state, whose Q is 0. Where an episode is cut off, a' is
         drawn in the state before the reset for (3), and another one after it for (1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, Transition, mean_return, vectorised
from jaxicon.envs.policy import policy
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.policy_gradient import surrogate
from jaxicon.ops.returns import one_step_target
from jaxicon.ops.value_fitting import half_square


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of the actor and of the critic
    actor_rate: float = 1e-3
    critic_rate: float = 3e-3
    envs: int = 16  # that move once each; (2) and (3) are means over them
    discount: float = 0.99
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    actor: Any
    critic: Any
    actor_opt: optax.OptState
    critic_opt: optax.OptState
    world: Running
    action: Int[Array, "n"]  # what is played next


def q_actor_critic(
    config: Config, env: Environment, optimizer: Callable[[float], optax.GradientTransformation] = optax.adam
) -> Agent:
    """One step: (1), (2) and (3) with every environment.

    The agent acts by its likeliest action. evaluate: `return` of that over fresh episodes, while the `return` of
    training is that of drawn actions. Raises ConfigError where actions are not discrete, or a number cannot be.
    """
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"q_actor_critic: needs discrete actions, got {env.actions}")
    within("q_actor_critic", 0, 1, discount=config.discount)
    positive("q_actor_critic", envs=config.envs)
    family, envs = policy(env.actions), vectorised(env, config.envs)
    actor, critic = tanh_mlp(*config.hidden, family.size, scale=0.01), tanh_mlp(*config.hidden, family.size)
    actor_rule, critic_rule = optimizer(config.actor_rate), optimizer(config.critic_rate)

    def choose(noise: Array, params, obs: Array) -> Int[Array, "n"]:
        return family.sample(noise, actor.apply(params, obs))

    def q(params, obs: Array, action: Int[Array, "n"]):
        return jnp.take_along_axis(critic.apply(params, obs), action[:, None], 1)[:, 0]

    def init(key: Key, batch: None) -> State:
        actor_key, critic_key, env_key, act_key = jax.random.split(key, 4)
        world = envs.reset(env_key)
        obs = envs.observe(world)
        params = actor.init(actor_key, obs), critic.init(critic_key, obs)
        action = choose(family.noise(act_key, (config.envs,)), params[0], obs)
        return State(*params, actor_rule.init(params[0]), critic_rule.init(params[1]), world, action)

    def improve(state: State, seen: Transition, following: Int[Array, "n"]) -> tuple[State, dict]:
        now = q(state.critic, seen.obs, seen.action)
        log_prob = lambda params: family.log_prob(actor.apply(params, seen.obs), seen.action)
        actor_grads = jax.grad(lambda params: -surrogate(log_prob(params), now) / config.envs)(state.actor)  # (2)
        reward, future = config.reward_scale * seen.reward, q(state.critic, seen.next_obs, following)
        target = one_step_target(reward, seen.terminal, config.discount, future)
        error = lambda params: half_square(q(params, seen.obs, seen.action), target).mean()
        td_loss, critic_grads = jax.value_and_grad(error)(state.critic)  # (3)
        actor_updates, actor_opt = actor_rule.update(actor_grads, state.actor_opt)
        critic_updates, critic_opt = critic_rule.update(critic_grads, state.critic_opt)
        params = optax.apply_updates((state.actor, state.critic), (actor_updates, critic_updates))
        return State(*params, actor_opt, critic_opt, *state[4:]), {"td_loss": td_loss, "q": now.mean()}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        env_key, act_key = jax.random.split(key)
        world, seen = envs.step(env_key, state.world, state.action)
        noise = family.noise(act_key, (config.envs,))  # the same for both, which differ only after a reset
        following, action = (choose(noise, state.actor, obs) for obs in (seen.next_obs, envs.observe(world)))
        state, metrics = improve(state, seen, following)
        return state._replace(world=world, action=action), metrics | {"return": world.last_score.mean()}

    def act(key: Key, state: State, obs: Array):
        return family.mode(actor.apply(state.actor, obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
