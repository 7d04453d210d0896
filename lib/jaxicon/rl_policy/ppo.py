"""Proximal policy optimisation: several epochs on what was just played, none of which rewards moving far.

Notes    RL & DL notebook U2; deep-learning cookbook, Proximal Policy Optimization; CS182 §7.4.4.4
Paper    Schulman et al. 2017, arXiv:1707.06347, equations 7, 9 and 11
Systems  rl.ppo rl.ac_two_networks
Idea     maximise  E min(r A, clip(r, 1 - clip, 1 + clip) A),  r = pi(a | s) / pi_before(a | s)              (1)
         - value_weight E (V(s) - target)^2 + entropy_weight E H(pi(. | s)),  target = A + V_before(s)        (2)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Running, Transition, mean_return, vectorised
from jaxicon.envs.policy import Policy, advantages, policy, rollout
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.nn.network import Network
from jaxicon.ops.bulk import permutations
from jaxicon.ops.policy_gradient import standardised


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of the actor and of the critic, unless networks are given
    learning_rate: float = 2.5e-3  # falls linearly, from update to update
    updates: int = 100  # to zero after so many
    envs: int = 8
    steps: int = 128  # of every environment for an update
    epochs: int = 4
    minibatches: int = 4  # in an epoch
    discount: float = 0.99
    trace: float = 0.95  # lambda of the advantages
    clip: float = 0.2
    value_weight: float = 0.5
    entropy_weight: float = 0.01
    largest_gradient: float = 0.5  # its norm over all parameters
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any  # of "actor" and "critic"
    opt_state: optax.OptState
    world: Running


class Lesson(NamedTuple):
    """What an update learns from, rows b."""

    obs: Array
    action: Array
    log_prob: Float[Array, "b"]  # of the action when it was drawn
    advantage: Float[Array, "b"]
    target: Float[Array, "b"]  # of the value


def surrogate(ratio: Float[Array, "*b"], advantage: Float[Array, "*b"], clip: float) -> Float[Array, "*b"]:
    """(1): flat where the ratio has left [1 - clip, 1 + clip] on the side to which the advantage pushes it."""
    return jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - clip, 1 + clip) * advantage)


def objective(
    config: Config, family: Policy, output: Float[Array, "b k"], value: Float[Array, "b"], lesson: Lesson
) -> tuple[Float[Array, ""], dict]:
    """(2) with the sign turned, of the actor's output and the critic's value; with metrics."""
    change = family.log_prob(output, lesson.action) - lesson.log_prob
    gain = surrogate(jnp.exp(change), standardised(lesson.advantage), config.clip).mean()
    value_loss = jnp.mean((value - lesson.target) ** 2)
    entropy = family.entropy(output).mean()
    loss = -gain + config.value_weight * value_loss - config.entropy_weight * entropy
    return loss, {"value_loss": value_loss, "entropy": entropy, "kl": (jnp.expm1(change) - change).mean()}


def learning(config: Config, rows: int, loss: Callable) -> tuple[Callable, Callable]:
    """start(params) -> opt_state, and learn(key, params, opt_state, lesson) -> params, opt_state, metrics: `epochs`
    passes over the rows of the lesson, with a gradient step of loss(params, rows) for each of the minibatches.

    Raises ConfigError where these would differ in size.
    """
    if rows % config.minibatches:
        raise ConfigError(f"ppo: {config.minibatches} minibatches of one size cannot be made of {rows} rows")
    fall = optax.linear_schedule(config.learning_rate, 0, config.updates * config.epochs * config.minibatches)
    optimizer = optax.chain(optax.clip_by_global_norm(config.largest_gradient), optax.scale_by_adam(eps=1e-5))

    def start(params) -> Any:
        return optimizer.init(ravel_pytree(params)[0])

    def learn(key: Key, params, opt_state: Any, lesson: Any) -> tuple[Any, Any, dict]:
        minibatches = permutations(key, config.epochs, rows).reshape(config.epochs * config.minibatches, -1)
        vector, unravel = ravel_pytree(params)  # the rule is a few operations on one vector, not on each array
        rate = fall(optax.tree.get(opt_state, "count"))

        def improve(carry, index):
            vector, opt_state = carry
            minibatch = jax.tree.map(lambda x: x[index], lesson)
            grads, metrics = jax.grad(lambda vector: loss(unravel(vector), minibatch), has_aux=True)(vector)
            updates, opt_state = optimizer.update(grads, opt_state)
            return (vector - rate * updates, opt_state), metrics

        (vector, opt_state), metrics = jax.lax.scan(improve, (vector, opt_state), minibatches)
        return unravel(vector), opt_state, jax.tree.map(jnp.mean, metrics)

    return start, learn


def ppo(config: Config, env: Environment, networks: Callable[[int, float], Network] | None = None) -> Agent:
    """One step: `steps` moves in each of `envs` copies, then `epochs` passes over them in random minibatches.

    networks(outputs, scale of the last layer) makes the actor and the critic: perceptrons if it is not given.
    The agent acts by its likeliest action. evaluate: `return` of that over fresh episodes, while the `return` of
    training is that of drawn actions. Raises ConfigError where the minibatches would differ in size.
    """
    family, envs, rows = policy(env.actions), vectorised(env, config.envs), config.envs * config.steps
    networks = networks or (lambda outputs, scale: tanh_mlp(*config.hidden, outputs, scale=scale))
    actor, critic = networks(family.size, 0.01), networks(1, 1.0)

    def init(key: Key, batch: None) -> State:
        actor_key, critic_key, env_key = jax.random.split(key, 3)
        world = envs.reset(env_key)
        obs = envs.observe(world)
        params = {"actor": actor.init(actor_key, obs), "critic": critic.init(critic_key, obs)}
        return State(params, start(params), world)

    def prepare(params, seen: Transition) -> Lesson:
        """Rows of all that was seen, in the eyes of the networks that played."""
        judge = lambda obs: critic.apply(params["critic"], obs)[..., 0]
        scaled = seen._replace(reward=config.reward_scale * seen.reward)
        advantage, value = advantages(judge, scaled, config.discount, config.trace)
        log_prob = family.log_prob(actor.apply(params["actor"], seen.obs), seen.action)
        lesson = Lesson(seen.obs, seen.action, log_prob, advantage, advantage + value)
        return jax.tree.map(lambda x: x.reshape(rows, *x.shape[2:]), lesson)

    def loss(params, lesson: Lesson):
        output, value = actor.apply(params["actor"], lesson.obs), critic.apply(params["critic"], lesson.obs)
        return objective(config, family, output, value[:, 0], lesson)

    start, learn = learning(config, rows, loss)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        play_key, learn_key = jax.random.split(key)
        output = lambda obs: actor.apply(state.params["actor"], obs)
        world, seen = rollout(play_key, envs, state.world, family, output, config.steps)
        params, opt_state, metrics = learn(learn_key, *state[:2], prepare(state.params, seen))
        return State(params, opt_state, world), metrics | {"return": world.last_score.mean()}

    def act(key: Key, state: State, obs: Array):
        return family.mode(actor.apply(state.params["actor"], obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
