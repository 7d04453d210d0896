"""Online Q-iteration: Q-learning with a network, which learns from every move once, when it is made.

Successive moves resemble each other, and what is aimed at moves with the network: a replay buffer and a target network,
which DQN adds, are against the one and the other.

Notes    CS182 §7.6.1, Algorithm 19
Paper    Watkins 1989, Learning from delayed rewards, for a table; Sutton & Barto 2018, §11.1, for the semi-gradient
Systems  rl.online_q_iteration
Idea     w <- w - alpha dQ_w(s, a)/dw (Q_w(s, a) - [r + discount max_a' Q_w(s', a')])                     (1)
         the bracket held fixed, and without its max where s' is terminal
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, Running, Transition, mean_return, vectorised
from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network
from jaxicon.ops.exploration import draw, epsilon_greedy, linear_decay
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 1e-2  # alpha
    discount: float = 0.99
    epsilon_end: float = 0.05  # falls linearly from 1
    epsilon_steps: float = 50_000.0  # in so many moves
    episodes: int = 32  # in evaluate


class State(NamedTuple):
    params: Any
    world: Running
    moves: Int[Array, ""]


def online_q_iteration(config: Config, env: Environment, network: Callable[[int], Network] | None = None) -> Agent:
    """One step is one move and one step of gradient descent on it, without momentum.

    network(actions) maps obs [..., d] to values [..., actions]; by default a perceptron with `hidden` layers.
    evaluate: `return` of the greedy policy over fresh episodes. Raises ConfigError for actions that are not discrete
    and numbers that cannot be.
    """
    if not isinstance(env.actions, Discrete):
        raise ConfigError(f"online_q_iteration: needs discrete actions, got {env.actions}")
    numbers = ("learning_rate", "epsilon_steps", "episodes")
    positive("online_q_iteration", **{name: getattr(config, name) for name in numbers})
    within("online_q_iteration", 0, 1, discount=config.discount, epsilon_end=config.epsilon_end)
    net = (network or partial(mlp, *config.hidden))(env.actions.count)
    envs = vectorised(env, 1)

    def init(key: Key, batch: None) -> State:
        net_key, env_key = jax.random.split(key)
        world = envs.reset(env_key)
        return State(net.init(net_key, envs.observe(world)), world, jnp.int32(0))

    def loss(params, seen: Transition):
        following = jax.lax.stop_gradient(net.apply(params, seen.next_obs).max(-1))
        wanted = one_step_target(seen.reward, seen.terminal, config.discount, following)
        error = net.apply(params, seen.obs)[0, seen.action[0]] - wanted[0]
        return error**2 / 2, error  # the gradient of which is the step in (1)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        act_key, env_key = jax.random.split(key)
        epsilon = linear_decay(state.moves, 1.0, config.epsilon_end, config.epsilon_steps)
        q = net.apply(state.params, envs.observe(state.world))[0]
        action = draw(act_key, epsilon_greedy(q, epsilon))
        world, seen = envs.step(env_key, state.world, action[None])
        grads, error = jax.grad(loss, has_aux=True)(state.params, seen)
        params = jax.tree.map(lambda w, g: w - config.learning_rate * g, state.params, grads)
        metrics = {"td_error": jnp.abs(error), "return": world.last_score[0]}
        return State(params, world, state.moves + 1), metrics

    def act(key: Key, state: State, obs: Float[Array, "..."]):
        return net.apply(state.params, obs).argmax(-1)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
