"""REINFORCE: make what was drawn likelier, the more so the better the episode went on.

Notes    CS182 §7.3, Algorithm 10; RL & DL notebook U2; DL4CV lecture 21; MIT 6.S191 lecture 5; deep-learning
         cookbook, Policy gradient
Paper    Williams 1992, Machine Learning 8; Sutton, McAllester, Singh & Mansour 2000, NIPS 12
Systems  rl.reinforce rl.pg_partial_obs
Idea     grad E sum_t r_t = E sum_t grad log pi(a_t | o_t) (credit_t - b(o_t)),  credit_t = sum_{t' >= t} r_t'     (1)
         That the next state depends on nothing but this one and the action is used nowhere: an observation will do.
Erratum  CS182 §7.3.2 writes r(s | a) for r(s, a). The cookbook weights grad log pi by pi under an expectation over
         actions, which counts their probability twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Transition, mean_return, vectorised
from jaxicon.envs.policy import Policy, policy, rollout
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.policy_gradient import alive as first_episode
from jaxicon.ops.policy_gradient import surrogate
from jaxicon.ops.returns import discounted_returns
from jaxicon.ops.value_fitting import half_square


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)  # of the policy
    learning_rate: float = 5e-3
    batch: int = 16  # whole episodes of an update
    discount: float = 0.99
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any  # of "actor" and "baseline"
    opt_state: optax.OptState


class Baseline(NamedTuple):
    """What is subtracted from the credit; it knows nothing of the action.

    init(key, obs) -> params
    predict(params, obs [t n ...], credit [t n], alive [t n]) -> [t n]
    future(params, obs [t n ...]) -> [t n]     what would have followed where an episode was cut off
    """

    init: Callable
    predict: Callable
    future: Callable


def of_batch(rule: Callable[[Array, Array], Array]) -> Baseline:
    """rule(credit [n t], alive [n t]) of ops/policy_gradient, at each step over the episodes; it has nothing to learn.

    It knows no future: an episode that is cut off is worth what was earned until then.
    """
    predict = lambda params, obs, credit, alive: rule(credit.T, alive.T).T
    return Baseline(lambda key, obs: (), predict, lambda params, obs: jnp.zeros(obs.shape[:2]))


def learned(*hidden: int, unit: float = 1.0) -> Baseline:
    """A network that is fitted to the credit of what it sees: the value of a state, which it states in this unit."""
    net = tanh_mlp(*hidden, 1)
    value = lambda params, obs: unit * net.apply(params, obs)[..., 0]
    return Baseline(net.init, lambda params, obs, credit, alive: value(params, obs), value)


def nothing_subtracted(credit: Float[Array, "n *b"], alive: Bool[Array, "n *b"]) -> Float[Array, "n *b"]:
    """The rule of no baseline."""
    return jnp.zeros_like(credit)


def play(
    key: Key, env: Environment, family: Policy, output: Callable[[Array], Array], episodes: int
) -> tuple[Transition, Bool[Array, "t n"]]:
    """So many episodes from fresh starts, [horizon, episodes], and which steps belong to them: the rest is later."""
    reset_key, play_key = jax.random.split(key)
    envs = vectorised(env, episodes)
    _, seen = rollout(play_key, envs, envs.reset(reset_key), family, output, env.horizon)
    return seen, jax.vmap(first_episode, 1, 1)(seen.terminal | seen.truncated)


def objective(
    log_prob: Float[Array, "t n"],
    credit: Float[Array, "t n"],
    predicted: Float[Array, "t n"],
    alive: Bool[Array, "t n"],
) -> tuple[Float[Array, ""], dict]:
    """(1) with the sign turned, per episode, and the baseline's squared error per step; neither reaches the other."""
    gain = surrogate(log_prob, jnp.where(alive, credit - predicted, 0)) / alive.shape[1]
    error = jnp.where(alive, half_square(predicted, credit), 0).sum() / alive.sum()
    return error - gain, {"baseline_error": error, "length": alive.sum() / alive.shape[1]}


def reinforce(
    config: Config,
    env: Environment,
    baseline: Baseline = learned(64, 64),
    credit: Callable = discounted_returns,
    optimizer: Callable[[float], optax.GradientTransformation] = optax.adam,
) -> Agent:
    """One step: `batch` whole episodes, one update; credit(reward [t], over [t], discount) -> [t].

    The agent acts by its likeliest action. evaluate: `return` of that over fresh episodes, while the `return` of
    training is that of drawn actions. Raises ConfigError for a discount outside [0, 1] or a rate that is not positive.
    """
    positive("reinforce", learning_rate=config.learning_rate, batch=config.batch)
    within("reinforce", 0, 1, discount=config.discount)
    family, rule = policy(env.actions), optimizer(config.learning_rate)
    actor = tanh_mlp(*config.hidden, family.size, scale=0.01)

    def init(key: Key, batch: None) -> State:
        actor_key, baseline_key, env_key = jax.random.split(key, 3)
        obs = env.observe(env.reset(env_key))
        params = {"actor": actor.init(actor_key, obs), "baseline": baseline.init(baseline_key, obs)}
        return State(params, rule.init(params))

    def loss(params, seen: Transition, alive: Bool[Array, "t n"]):
        future = jax.lax.stop_gradient(baseline.future(params["baseline"], seen.next_obs))
        reward = seen.reward + config.discount * jnp.where(seen.truncated, future, 0)
        worth = jax.vmap(lambda *columns: credit(*columns, config.discount), 1, 1)(
            reward, seen.terminal | seen.truncated
        )
        predicted = baseline.predict(params["baseline"], seen.obs, worth, alive)
        return objective(family.log_prob(actor.apply(params["actor"], seen.obs), seen.action), worth, predicted, alive)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        output = lambda obs: actor.apply(state.params["actor"], obs)
        seen, alive = play(key, env, family, output, config.batch)
        grads, metrics = jax.grad(loss, has_aux=True)(state.params, seen, alive)
        updates, opt_state = rule.update(grads, state.opt_state, state.params)
        score = jnp.where(alive, seen.reward, 0).sum() / config.batch
        return State(optax.apply_updates(state.params, updates), opt_state), metrics | {"return": score}

    def act(key: Key, state: State, obs: Array):
        return family.mode(actor.apply(state.params["actor"], obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
