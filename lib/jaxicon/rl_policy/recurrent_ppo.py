"""PPO with a memory: where observations do not tell all, a policy of what a GRU has made of all the earlier ones.

Notes    CS182 §7.1.4.1, §7.2
Paper    Hausknecht & Stone 2015, arXiv:1507.06527; Ni, Eysenbach & Salakhutdinov 2022, arXiv:2110.05038
Systems  imit.history_policy
Idea     m_t = GRU(m_{t-1}, o_t),  empty where an episode begins;  pi(a | m_t),  V(m_t)                             (1)
         the loss of PPO, with m_t of today's parameters: unrolled over what was played, from the memory that was
         there at its first step, and through all of it goes the gradient                                           (2)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxicon.core.checks import positive
from jaxicon.core.method import Agent, Key
from jaxicon.envs.conformance import check_environment
from jaxicon.envs.environment import Environment, Transition, copies, mean_return, where_each
from jaxicon.envs.memory import Noted, noting, remembering
from jaxicon.envs.policy import advantages, policy, rollout
from jaxicon.nn.recurrent import recurrent_actor_critic
from jaxicon.rl_policy.ppo import Config as Memoryless
from jaxicon.rl_policy.ppo import Lesson, State, learning, objective


@dataclass(frozen=True)
class Config(Memoryless):
    hidden: tuple[int, ...] = (64,)  # of the actor and of the critic, on top of the memory
    units: int = 32  # of the memory
    steps: int = 32  # of every environment for an update, and so far back goes the gradient


class Segment(NamedTuple):
    """What was played in row b, one of the environments."""

    lesson: Lesson  # [b, t]
    fresh: Bool[Array, "b t"]  # an episode begins
    memory: Float[Array, "b h"]  # before the first step


def recurrent_ppo(config: Config, env: Environment) -> Agent:
    """PPO whose minibatches are whole environments, played for `steps`.

    act takes the memory with the observation and returns it with the action: both are `Noted`, of envs/memory.py, and
    so is what a state of training's environments shows. Raises ConfigError as PPO does; `minibatches` must divide
    `envs`.
    """
    positive("recurrent_ppo", units=config.units)
    check_environment(env)
    plain, inner = policy(env.actions), remembering(env, config.units)
    family, envs = noting(plain), copies(inner, config.envs)
    network = recurrent_actor_critic(config.units, config.hidden, plain.size)

    def output(params, seen: Noted) -> Noted:
        logits, _, memory = network.apply(params, *seen)
        return Noted(logits, memory)

    def init(key: Key, batch: None) -> State:
        net_key, env_key = jax.random.split(key)
        world = envs.reset(env_key)
        params = network.init(net_key, *envs.observe(world))
        return State(params, start(params), world)

    def prepare(params, seen: Transition) -> Segment:
        """The rows, in the eyes of the network that played; its memories are those that the environments kept."""
        scaled = seen._replace(reward=config.reward_scale * seen.reward)
        advantage, value = advantages(lambda obs: network.apply(params, *obs)[1], scaled, config.discount, config.trace)
        log_prob = family.log_prob(output(params, seen.obs), seen.action)
        lesson = Lesson(seen.obs.what, seen.action.what, log_prob, advantage, advantage + value)
        over = seen.terminal | seen.truncated
        fresh = jnp.concatenate([jnp.zeros_like(over[:1]), over[:-1]])
        lesson, fresh = jax.tree.map(lambda x: x.swapaxes(0, 1), (lesson, fresh))
        return Segment(lesson, fresh, seen.obs.memory[0])

    def loss(params, segment: Segment):
        """(2)"""
        lesson, fresh = jax.tree.map(lambda x: x.swapaxes(0, 1), (segment.lesson, segment.fresh))

        def move(memory, row):
            obs, fresh = row
            *judged, memory = network.apply(params, obs, where_each(fresh, jnp.zeros_like(memory), memory))
            return memory, judged

        _, judged = jax.lax.scan(move, segment.memory, (lesson.obs, fresh))
        rows = lambda x: x.reshape(-1, *x.shape[2:])
        return objective(config, plain, *map(rows, judged), jax.tree.map(rows, lesson))

    start, learn = learning(config, config.envs, loss)

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        play_key, learn_key = jax.random.split(key)
        world, seen = rollout(play_key, envs, state.world, family, lambda obs: output(state.params, obs), config.steps)
        params, opt_state, metrics = learn(learn_key, *state[:2], prepare(state.params, seen))
        return State(params, opt_state, world), metrics | {"return": world.last_score.mean()}

    def act(key: Key, state: State, obs: Noted) -> Noted:
        return family.mode(output(state.params, obs))

    def evaluate(key: Key, state: State, batch: None) -> dict:
        return {"return": mean_return(key, inner, lambda key, obs: act(key, state, obs), config.episodes)}

    return Agent(init, step, evaluate, act)
