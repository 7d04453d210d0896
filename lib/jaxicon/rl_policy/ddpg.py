"""Deep deterministic policy gradient: Q-learning where the best action is the output of a second network.

Notes    RL & DL notebook U2, DDPG
Paper    Lillicrap et al. 2016, arXiv:1509.02971, Algorithm 1; Silver et al. 2014 (ICML) for the gradient
Systems  rl.ddpg rl.ddpg_nets_s4
Idea     critic: minimise  mean (y - Q(s, a))^2,  y = r + discount Q'(s', mu'(s')), y = r where s' is terminal       (1)
         actor:  ascend    mean dQ/da(s, mu(s)) dmu/dtheta                                                           (2)
         target: theta' <- mixing theta + (1 - mixing) theta', for both networks                                     (3)
Erratum  The notebook leaves no y = r at a terminal state, and N is both its noise and the size of its batch. Its
         critic sees the action in the first layer, as here; the paper's in the second, with a penalty on weights.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Transition, mean_return, where_each
from jaxicon.envs.experience import Experience, life
from jaxicon.nn.critic import critics
from jaxicon.nn.flat import flat
from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network
from jaxicon.ops.action_noise import Noise, following, ornstein_uhlenbeck, perturbed
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (400, 300)  # of the actor and of the critic
    actor_rate: float = 1e-4
    critic_rate: float = 1e-3
    mixing: float = 0.001  # of the networks into their targets, at every step
    discount: float = 0.99
    envs: int = 1  # one update every so many environment steps
    buffer: int = 1_000_000  # transitions
    batch: int = 64
    warmup: int = 1000  # moves of every environment, by uniform actions, before the first step
    reward_scale: float = 1.0  # what the critic learns is the return times this
    episodes: int = 32  # in evaluate


class Pair(NamedTuple):
    """Something of both networks: parameters as vectors, or the state of their optimizers."""

    actor: Array | optax.OptState
    critic: Array | optax.OptState


class State(NamedTuple):
    params: Pair
    target: Pair
    opt_state: Pair
    noise: Float[Array, "n a"]
    now: Experience


def ddpg(config: Config, env: Environment, noise: Noise | None = None, judge: Network | None = None) -> Agent:
    """One step: every environment moves once, with noise (by default Ornstein and Uhlenbeck's, theta 0.15 and sigma 0.2
    a step) in half widths of the box of actions, then one update.

    judge(obs, action) -> [1, b] is another critic than the perceptron, with actions in [-1, 1]^d.

    The agent acts without noise; evaluate: `return` of that over fresh episodes. Raises ConfigError where actions are
    no box with bounds, or a number of the config cannot be.
    """
    world = life("ddpg", config, env)
    process = ornstein_uhlenbeck(0.15, 0.2) if noise is None else noise
    actor, critic = flat(mlp(*config.hidden, world.dims)), flat(judge or critics(*config.hidden))
    rules = Pair(optax.adam(config.actor_rate), optax.adam(config.critic_rate))
    mu = lambda params, obs: jnp.tanh(actor.apply(params.actor, obs))
    q = lambda params, obs, action: critic.apply(params.critic, obs, action)[0]

    def init(key: Key, batch: None) -> State:
        actor_key, critic_key, life_key = jax.random.split(key, 3)
        now, silent = world.start(life_key), jnp.zeros((config.envs, world.dims))
        obs = world.observe(now)
        params = Pair(actor.init(actor_key, obs), critic.init(critic_key, obs, silent))
        opt_state = Pair(rules.actor.init(params.actor), rules.critic.init(params.critic))
        return State(params, params, opt_state, silent, now)

    def interact(key: Key, state: State) -> State:
        noise_key, env_key = jax.random.split(key)
        noise = following(process, state.noise, jax.random.normal(noise_key, state.noise.shape))
        action = perturbed(mu(state.params, world.observe(state.now)), noise, -1.0, 1.0)
        now, over = world.move(env_key, state.now, action)
        return state._replace(noise=where_each(over, jnp.zeros_like(noise), noise), now=now)

    def learn(state: State, seen: Transition) -> tuple[State, dict]:
        next_value = q(state.target, seen.next_obs, mu(state.target, seen.next_obs))
        wanted = one_step_target(config.reward_scale * seen.reward, seen.terminal, config.discount, next_value)

        def td_loss(critic):  # (1)
            value = q(Pair(None, critic), seen.obs, seen.action)
            return jnp.mean((wanted - value) ** 2), value.mean()

        (loss, value), grads = jax.value_and_grad(td_loss, has_aux=True)(state.params.critic)
        change, critic_state = rules.critic.update(grads, state.opt_state.critic)
        params = state.params._replace(critic=state.params.critic + change)

        def cost(actor):  # (2)
            return -q(params, seen.obs, mu(Pair(actor, None), seen.obs)).mean()

        change, actor_state = rules.actor.update(jax.grad(cost)(params.actor), state.opt_state.actor)
        params = params._replace(actor=params.actor + change)
        target = optax.incremental_update(params, state.target, config.mixing)  # (3)
        state = state._replace(params=params, target=target, opt_state=Pair(actor_state, critic_state))
        return state, {"td_loss": loss, "q": value}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        move_key, recall_key = jax.random.split(key)
        state = interact(move_key, state)
        state, metrics = learn(state, world.recall(recall_key, state.now))
        return state, metrics | {"return": state.now.running.last_score.mean()}

    def act(key: Key, state: State, obs: Float[Array, "*b d"]):
        return world.own(mu(state.params, obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, env, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
