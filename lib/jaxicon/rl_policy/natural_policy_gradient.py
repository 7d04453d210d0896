"""Natural policy gradient: the steepest ascent where the length of a step is how far the policy changes.

Notes    RL & DL notebook U2
Paper    Kakade 2001, NIPS 14; Peters & Schaal 2008, Neural Networks 21; Schulman et al. 2015, arXiv:1502.05477
Systems  rl.natural_pg
Idea     maximise  L(theta) = E pi(a | s) / pi_before(a | s) A(s, a),  g = grad L at theta_before               (1)
         theta <- theta + s,  s = sqrt(2 delta / (g^T F^-1 g)) F^-1 g,  F = E grad log pi grad log pi^T         (2)
         The same policies come out whatever the parameters are that describe them, to first order in s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Running, Transition, mean_return, vectorised
from jaxicon.envs.policy import Policy, advantages, policy, rollout
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.natural_gradient import fisher_product, trust_step
from jaxicon.ops.policy_gradient import standardised
from jaxicon.ops.value_fitting import fitted


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of the actor and of the critic
    divergence: float = 0.01  # delta: KL of an update to second order
    damping: float = 0.1  # added to the diagonal of F
    iterations: int = 10  # of conjugate gradients
    envs: int = 8
    steps: int = 128  # of every environment for an update
    discount: float = 0.99
    trace: float = 0.95  # lambda of the advantages
    value_rate: float = 3e-3  # of the critic's Adam
    value_steps: int = 40  # of it for an update, on all that was seen
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any  # of "actor" and "critic"
    opt_state: optax.OptState  # of the critic
    world: Running


class Problem(NamedTuple):
    """An update as functions of the actor's parameters, a vector."""

    gain: Callable[[Float[Array, "d"]], Float[Array, ""]]  # L of (1)
    divergence: Callable[[Float[Array, "d"]], Float[Array, ""]]  # mean KL(pi_before || pi)


def whole_step(
    config: Config, problem: Problem, before: Float[Array, "d"], step: Float[Array, "d"]
) -> tuple[Float[Array, "d"], dict]:
    """(2), whatever comes of it; with metrics."""
    return before + step, {}


def problem(
    family: Policy, output: Callable[[Array], Array], before: Float[Array, "d"], action: Array, advantage: Array
) -> tuple[Problem, Callable]:
    """(1) for output(vector) -> parameters of the policy in every state seen, and v -> F v at `before`."""
    played = output(before)
    drawn = family.log_prob(played, action)
    divergence = lambda one, other: family.divergence(one, other).mean()
    gain = lambda vector: (jnp.exp(family.log_prob(output(vector), action) - drawn) * advantage).mean()
    return Problem(gain, lambda vector: divergence(played, output(vector))), fisher_product(output, divergence, before)


def natural_policy_gradient(config: Config, env: Environment, move: Callable = whole_step) -> Agent:
    """One step: `steps` moves in each of `envs` copies, one step of the actor, `value_steps` of the critic.

    move(config, problem, before [d], step [d]) -> (after [d], metrics) may take less of the step. Metrics of training:
    `kl`, the true divergence of the update, and `gain`, what it does to L; `return` is that of drawn actions. The
    agent acts by its likeliest action, and evaluate's `return` is that of those over fresh episodes.
    Raises ConfigError for a divergence or damping that is not positive or a discount or trace outside [0, 1].
    """
    positive("natural_policy_gradient", divergence=config.divergence, damping=config.damping, steps=config.steps)
    within("natural_policy_gradient", 0, 1, discount=config.discount, trace=config.trace)
    family, envs = policy(env.actions), vectorised(env, config.envs)
    actor, critic = tanh_mlp(*config.hidden, family.size, scale=0.01), tanh_mlp(*config.hidden, 1)
    optimizer = optax.adam(config.value_rate)
    judge = lambda params, obs: critic.apply(params, obs)[..., 0]

    def init(key: Key, batch: None) -> State:
        actor_key, critic_key, env_key = jax.random.split(key, 3)
        world = envs.reset(env_key)
        obs = envs.observe(world)
        params = {"actor": actor.init(actor_key, obs), "critic": critic.init(critic_key, obs)}
        return State(params, optimizer.init(params["critic"]), world)

    def improved(params, seen: Transition, advantage: Float[Array, "t n"]) -> tuple[Any, dict]:
        vector, unravel = ravel_pytree(params)
        output = lambda vector: actor.apply(unravel(vector), seen.obs)
        update, fisher = problem(family, output, vector, seen.action, standardised(advantage))
        gradient = jax.grad(update.gain)(vector)
        damped = lambda v: fisher(v) + config.damping * v
        step = trust_step(damped, gradient, config.divergence, config.iterations)
        after, metrics = move(config, update, vector, step)
        change = update.gain(after) - update.gain(vector)
        return unravel(after), metrics | {"kl": update.divergence(after), "gain": change}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        output = lambda obs: actor.apply(state.params["actor"], obs)
        world, seen = rollout(key, envs, state.world, family, output, config.steps)
        scaled = seen._replace(reward=config.reward_scale * seen.reward)
        advantage, value = advantages(
            lambda obs: judge(state.params["critic"], obs), scaled, config.discount, config.trace
        )
        params, metrics = improved(state.params["actor"], seen, advantage)
        critic_params, opt_state = fitted(
            judge, state.params["critic"], seen.obs, advantage + value, optimizer, state.opt_state, config.value_steps
        )
        params = {"actor": params, "critic": critic_params}
        return State(params, opt_state, world), metrics | {"return": world.last_score.mean()}

    def act(key: Key, state: State, obs: Array):
        return family.mode(actor.apply(state.params["actor"], obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
