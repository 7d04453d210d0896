"""Batch actor-critic: fit the critic to what was played, let it judge every action, then change the policy once.

Notes    CS182 §7.4.4.1, Algorithm 11
Book     Sutton & Barto 2018, §13.5
Systems  rl.batch_actor_critic
Idea     play some steps by pi;  fit V to the rewards that followed, and to V beyond the last step                 (1)
         A = r + discount V(s') - V(s),  by the V that was just fitted                                             (2)
         theta <- theta + rate  mean grad log pi(a | s) A                                                          (3)
Erratum  The notes say "step 2" of the fit, which is step 3. In (3) they sum; a mean has the rate of any batch size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Running, Transition, mean_return, vectorised
from jaxicon.envs.policy import advantages, policy, rollout
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.policy_gradient import surrogate
from jaxicon.ops.value_fitting import fitted, half_square


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of the actor and of the critic
    actor_rate: float = 1e-2
    critic_rate: float = 3e-3
    envs: int = 16
    steps: int = 64  # of every environment in a batch
    fits: int = 20  # gradient steps of the critic on a batch
    discount: float = 0.99
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    actor: Any
    critic: Any
    actor_opt: optax.OptState
    critic_opt: optax.OptState
    world: Running


def actor_loss(log_prob: Float[Array, "*b"], advantage: Float[Array, "*b"]) -> Float[Array, ""]:
    """(3) with the sign turned; no gradient reaches the advantage."""
    return -surrogate(log_prob, advantage) / log_prob.size


def batch_actor_critic(
    config: Config, env: Environment, optimizer: Callable[[float], optax.GradientTransformation] = optax.adam
) -> Agent:
    """One step: one batch. The targets of (1) are fixed before the fit, `fits` steps of the optimizer on all of them.

    The agent acts by its likeliest action. evaluate: `return` of that over fresh episodes, while the `return` of
    training is that of drawn actions. Raises ConfigError for a discount outside [0, 1], or for nothing to play or fit.
    """
    within("batch_actor_critic", 0, 1, discount=config.discount)
    positive("batch_actor_critic", envs=config.envs, steps=config.steps, fits=config.fits)
    family, envs = policy(env.actions), vectorised(env, config.envs)
    actor, critic = tanh_mlp(*config.hidden, family.size, scale=0.01), tanh_mlp(*config.hidden, 1)
    value = lambda params, obs: critic.apply(params, obs)[..., 0]
    actor_rule, critic_rule = optimizer(config.actor_rate), optimizer(config.critic_rate)

    def init(key: Key, batch: None) -> State:
        actor_key, critic_key, env_key = jax.random.split(key, 3)
        world = envs.reset(env_key)
        params = actor.init(actor_key, envs.observe(world)), critic.init(critic_key, envs.observe(world))
        return State(*params, actor_rule.init(params[0]), critic_rule.init(params[1]), world)

    def judged(params, seen: Transition, trace: float):
        """Advantages and values; with trace 1 their sum is the target of (1), with trace 0 the advantage is (2)."""
        judge = lambda obs: value(params, obs)
        return advantages(judge, seen._replace(reward=config.reward_scale * seen.reward), config.discount, trace)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        output = lambda params, obs: actor.apply(params, obs)
        world, seen = rollout(key, envs, state.world, family, lambda obs: output(state.actor, obs), config.steps)
        target = sum(judged(state.critic, seen, 1.0))
        obs, wanted = (x.reshape(-1, *x.shape[2:]) for x in (seen.obs, target))
        params, critic_opt = fitted(value, state.critic, obs, wanted, critic_rule, state.critic_opt, config.fits)
        advantage, found = judged(params, seen, 0.0)
        loss = lambda params: actor_loss(family.log_prob(output(params, seen.obs), seen.action), advantage)
        updates, actor_opt = actor_rule.update(jax.grad(loss)(state.actor), state.actor_opt)
        metrics = {"value_loss": half_square(found, target).mean(), "return": world.last_score.mean()}
        return State(optax.apply_updates(state.actor, updates), params, actor_opt, critic_opt, world), metrics

    def act(key: Key, state: State, obs: Array):
        return family.mode(actor.apply(state.actor, obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
