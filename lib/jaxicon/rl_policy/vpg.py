"""Vanilla policy gradient: after an episode, one gradient step for each of its steps, in the order they were played.

Notes    RL & DL notebook U2, with the listing of its policy network
Book     Sutton & Barto 2018, §13.3, without the factor discount^t
Systems  rl.vpg rl.policy_network_s4
Idea     for t = 0, 1, ...:  theta <- theta + alpha G_t grad log pi(a_t | s_t),  grad at the newest theta        (1)
         To first order in alpha it is REINFORCE's step on the whole episode. At a discount below 1 its mean is the
         gradient of no return: the theorem asks for discount^t G_t, ops/policy_gradient.py's `discounted_to_go`.
Erratum  The notebook heads its network (4 inputs, 64, 64, softmax of 2: 4,610 parameters) with continuous actions: it
         is for discrete ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment
from jaxicon.envs.policy import policy
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.returns import discounted_returns
from jaxicon.rl_policy import reinforce as base
from jaxicon.rl_policy.reinforce import State, nothing_subtracted, of_batch, play, reinforce


@dataclass(frozen=True)
class Config(base.Config):
    learning_rate: float = 1e-5  # alpha
    batch: int = 1  # episodes, one after the other


def sweep(
    log_prob: Callable[[Any, Array, Array], Float[Array, ""]],
    params: Any,
    obs: Array,
    action: Array,
    credit: Float[Array, "t"],
    length: Int[Array, ""],
    alpha: float,
) -> Any:
    """The parameters after (1) over the first `length` steps; log_prob(params, obs, action) is of one step."""

    def climb(t, params):
        scores = jax.grad(log_prob)(params, obs[t], action[t])
        return jax.tree.map(lambda p, score: p + alpha * credit[t] * score, params, scores)

    return jax.lax.fori_loop(0, length, climb, params)


def vpg(config: Config, env: Environment) -> Agent:
    """One step: `batch` whole episodes, then (1) for one after the other, without a baseline.

    Acts, and is evaluated, as REINFORCE is. Raises ConfigError as it does.
    """
    whole = reinforce(config, env, of_batch(nothing_subtracted), optimizer=optax.sgd)
    family = policy(env.actions)
    actor = tanh_mlp(*config.hidden, family.size, scale=0.01)
    log_prob = lambda params, obs, action: family.log_prob(actor.apply(params, obs), action)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        before = state.params["actor"]
        seen, alive = play(key, env, family, lambda obs: actor.apply(before, obs), config.batch)

        def learn(params, episode):
            obs, action, reward, over, alive = episode
            credit = discounted_returns(reward, over, config.discount)
            return sweep(log_prob, params, obs, action, credit, alive.sum(), config.learning_rate), None

        columns = seen.obs, seen.action, seen.reward, seen.terminal | seen.truncated, alive
        episodes = jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), columns)
        after, _ = jax.lax.scan(learn, before, episodes)
        score = jnp.where(alive, seen.reward, 0).sum() / config.batch
        params = state.params | {"actor": after}
        return state._replace(params=params), {"return": score, "length": alive.sum() / config.batch}

    return whole._replace(step=step)
