"""Advantage actor-critic: the critic says how much better an action was than expected, the actor takes it to heart.

Notes    RL & DL notebook U2
Paper    Mnih et al. 2016, arXiv:1602.01783, its synchronous form; Schulman et al. 2016, arXiv:1506.02438, for the trace
Systems  rl.a2c rl.a2c_s4_listing
Idea     A = r + discount V(s') - V(s),  or its sum with (discount trace)^l over the steps that follow            (1)
         theta descends  - E log pi(a | s) A - entropy_weight E H(pi(. | s)),  A held fixed                       (2)
         phi descends  value_weight E (V(s) - target)^2,  target = A + V(s),  held fixed                          (3)
Erratum  The notebook prints (3) without holding its target fixed. Its listing (a hidden layer of 64 units for each of
         the two, discount 0.99, value_weight 0.5, Adam with 1e-3) takes the rewards of a whole batch for returns: it
         is REINFORCE with a baseline, and what an episode earns leaks into the one before it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Running, Transition, mean_return, vectorised
from jaxicon.envs.policy import Policy, advantages, policy, rollout
from jaxicon.nn.actor_critic import two_networks
from jaxicon.nn.network import Network


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 4e-3  # falls linearly, from update to update
    updates: int = 1500  # to zero after so many
    envs: int = 16
    steps: int = 16  # of every environment for an update
    discount: float = 0.99
    trace: float = 0.95  # 0: (1) looks one step ahead; 1: to the end of the episode or of what was played
    value_weight: float = 0.5
    entropy_weight: float = 0.01
    largest_gradient: float = 0.5  # its norm over all parameters
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any  # of "actor" and "critic", and of what they share
    opt_state: optax.OptState
    world: Running


class Lesson(NamedTuple):
    """What an update learns from; all of it is held fixed."""

    obs: Array
    action: Array
    advantage: Float[Array, "*b"]
    target: Float[Array, "*b"]  # of the value


def objective(
    config: Config,
    family: Policy,
    output: Float[Array, "*b k"],
    value: Float[Array, "*b"],
    lesson: Lesson,
    weight: Float[Array, "*b"] | float = 1.0,
) -> tuple[Float[Array, ""], dict]:
    """(2) + (3) of the actor's output and the critic's value, with metrics; `weight` is that of the rows in both
    expectations."""
    gain = (weight * lesson.advantage * family.log_prob(output, lesson.action)).mean()
    value_loss = jnp.mean(weight * (value - lesson.target) ** 2)
    entropy = family.entropy(output).mean()
    loss = -gain + config.value_weight * value_loss - config.entropy_weight * entropy
    return loss, {"value_loss": value_loss, "entropy": entropy}


class Parts(NamedTuple):
    """A2C taken apart, for the variants that put it together otherwise."""

    start: Callable  # key -> State
    play: Callable  # key, params, world -> world, seen: transitions [steps, envs]
    lesson: Callable  # params, seen -> Lesson: (1) in the eyes of these parameters
    gradient: Callable  # params, lesson, weight -> grads, metrics: those of `objective`
    descend: Callable  # params, opt_state, grads -> params, opt_state


def parts(config: Config, env: Environment, networks: Callable[[tuple[int, ...], int], Network]) -> Parts:
    """Raises ConfigError for numbers that cannot be, or a box of actions without bounds."""
    within("a2c", 0, 1, discount=config.discount, trace=config.trace)
    positive("a2c", envs=config.envs, steps=config.steps, updates=config.updates)
    family, envs = policy(env.actions), vectorised(env, config.envs)
    network = networks(config.hidden, family.size)
    rate = optax.linear_schedule(config.learning_rate, 0, config.updates)
    optimizer = optax.chain(optax.clip_by_global_norm(config.largest_gradient), optax.adam(rate, eps=1e-5))

    def start(key: Key) -> State:
        net_key, env_key = jax.random.split(key)
        world = envs.reset(env_key)
        params = network.init(net_key, envs.observe(world))
        return State(params, optimizer.init(params), world)

    def play(key: Key, params, world: Running) -> tuple[Running, Transition]:
        return rollout(key, envs, world, family, lambda obs: network.apply(params, obs)[0], config.steps)

    def lesson(params, seen: Transition) -> Lesson:
        scaled = seen._replace(reward=config.reward_scale * seen.reward)
        judge = lambda obs: network.apply(params, obs)[1]
        advantage, value = advantages(judge, scaled, config.discount, config.trace)
        return Lesson(seen.obs, seen.action, advantage, advantage + value)

    def gradient(params, fixed: Lesson, weight: Float[Array, "t n"] | float = 1.0) -> tuple[Any, dict]:
        loss = lambda params: objective(config, family, *network.apply(params, fixed.obs), fixed, weight)
        return jax.grad(loss, has_aux=True)(params)

    def descend(params, opt_state: Any, grads) -> tuple[Any, Any]:
        updates, opt_state = optimizer.update(grads, opt_state)
        return optax.apply_updates(params, updates), opt_state

    return Parts(start, play, lesson, gradient, descend)


def a2c(config: Config, env: Environment, networks: Callable[[tuple[int, ...], int], Network] = two_networks) -> Agent:
    """One step: `steps` moves in each of `envs` copies, then one gradient step on all of them.

    networks(hidden, outputs) makes actor and critic: nn/actor_critic.py. The agent acts by its likeliest action.
    evaluate: `return` of that over fresh episodes, while the `return` of training is that of drawn actions.
    Raises ConfigError for a discount or a trace outside [0, 1], or no steps, or a box of actions without bounds.
    """
    family = policy(env.actions)
    network, part = networks(config.hidden, family.size), parts(config, env, networks)

    def init(key: Key, batch: None) -> State:
        return part.start(key)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        world, seen = part.play(key, state.params, state.world)
        grads, metrics = part.gradient(state.params, part.lesson(state.params, seen))
        params, opt_state = part.descend(state.params, state.opt_state, grads)
        return State(params, opt_state, world), metrics | {"return": world.last_score.mean()}

    def act(key: Key, state: Any, obs: Array):
        return family.mode(network.apply(state.params, obs)[0])

    def evaluate(key: Key, state: Any, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
