"""Options: courses of action that take their time, learned about as if they were actions.

Notes    RL & DL notebook U2, hierarchical RL
Paper    Sutton, Precup & Singh 1999, Artificial Intelligence 112, equations 5 to 7 and §3.2
Systems  rl.real_hierarchical
Idea     An option o has a policy, is begun where it may, and ends in a state s with probability beta_o(s).
         r(s, o) = E[r_1 + .. + discount^(k-1) r_k],   p(s' | s, o) = sum_k discount^k P(ends in s' after k steps)  (1)
         Q(s, o) = r(s, o) + sum_s' p(s' | s, o) max_o' Q(s', o'),  a semi-Markov decision process                  (2)
         Q(s, o) <- Q(s, o) + alpha (r_1 + .. + discount^(k-1) r_k + discount^k max_o' Q(s', o') - Q(s, o))          (3)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Learner
from jaxicon.envs.environment import Running, vectorised
from jaxicon.envs.tabular import MDP, check, environment
from jaxicon.ops.exploration import draw, greedy
from jaxicon.ops.linalg import solve
from jaxicon.ops.returns import one_step_target


class Options(NamedTuple):
    """o options by table, on the host."""

    action: Int[np.ndarray, "o s"]  # the policy of each
    stop: Float[np.ndarray, "o s"]  # beta: 1 where it always ends
    allowed: Bool[np.ndarray, "o s"]  # where it may be begun


@dataclass(frozen=True)
class Config:
    step_size: float = 0.25
    epsilon: float = 0.1
    horizon: int = 1000  # steps after which an episode is cut off


class State(NamedTuple):
    q: Float[Array, "s o"]
    world: Running
    option: Int[Array, ""]  # the one that is being followed
    began: Int[Array, ""]  # the state where it began
    earned: Float[Array, ""]  # discounted from there
    weight: Float[Array, ""]  # discount^k after its k steps
    episodes: Int[Array, ""]


def primitive(mdp: MDP) -> Options:
    """The actions themselves: each is taken once."""
    states, actions = mdp.reward.shape
    everywhere = np.ones((actions, states))
    return Options(np.tile(np.arange(actions)[:, None], (1, states)), everywhere, everywhere.astype(bool))


def together(*groups: Options) -> Options:
    """All of them, in this order."""
    return Options(*(np.concatenate(tables) for tables in zip(*groups, strict=True)))


def toward(mdp: MDP, goal: int, room: Bool[np.ndarray, "s"]) -> Options:
    """One option: from the cells of a room the shortest way to the goal, which lies on its border; it ends there, and
    wherever else it gets out of the room. Raises ConfigError where the goal cannot be reached from the room."""
    room = room & ~mdp.terminal
    distance = np.where(np.arange(len(room)) == goal, 0.0, np.inf)
    likeliest = mdp.transition.argmax(-1)  # where an action leads if it does not slip
    for _ in range(len(room)):
        ahead = np.where(room, 1 + distance[likeliest].min(-1), np.inf)
        distance = np.minimum(distance, ahead)
    if not np.isfinite(distance[room]).all():
        raise ConfigError(f"toward: goal {goal} cannot be reached from the room")
    return Options(distance[likeliest].argmin(-1)[None], np.where(room, 0.0, 1.0)[None], room[None])


def models(mdp: MDP, options: Options) -> tuple[Float[Array, "s o"], Float[Array, "s o s"]]:
    """(1): what an option earns, and where it ends, discounted, by a linear solve for each option.

    r = r_o + discount P_o (1 - beta) r,   p = discount P_o (beta + (1 - beta) p)
    """

    def one(action, stop):
        rows = jnp.arange(action.size)
        goes = mdp.discount * jnp.asarray(mdp.transition, float)[rows, action]
        on = jnp.eye(action.size) - goes * (1 - stop)[None]
        return solve(on, jnp.asarray(mdp.reward, float)[rows, action]), solve(on, goes * stop[None])

    reward, arrival = jax.vmap(one)(jnp.asarray(options.action), jnp.asarray(options.stop, float))
    return reward.T, jnp.swapaxes(arrival, 0, 1)


def planned(mdp: MDP, options: Options, sweeps: int) -> Float[Array, "s o"]:
    """(2) by iteration from zero; minus infinity where an option may not be begun."""
    reward, arrival = models(mdp, options)
    alive, allowed = ~jnp.asarray(mdp.terminal), jnp.asarray(options.allowed.T)
    backup = lambda value: jnp.where(allowed, reward + arrival @ value, -jnp.inf)
    best = lambda _, value: jnp.where(alive, backup(value).max(-1), 0)
    return backup(jax.lax.fori_loop(0, sweeps, best, jnp.zeros(len(mdp.reward))))


def options(config: Config, mdp: MDP, choices: Options) -> Learner:
    """Semi-Markov Q-learning (3). One step is one move of the option that is being followed; another is chosen when it
    ends, epsilon-greedily among those that may begin.

    evaluate: `value` of the best option at the start, by what is believed, and the number of `episodes`.
    Raises ConfigError for an ill-formed MDP or options, and where no option may be begun in some state.
    """
    positive("options", step_size=config.step_size)
    within("options", 0, 1, epsilon=config.epsilon)
    states, actions = check(mdp).reward.shape
    if {table.shape for table in choices} != {(len(choices.action), states)} or choices.action.max() >= actions:
        raise ConfigError(f"options: tables have shapes {[t.shape for t in choices]}; expected (options, {states})")
    if not choices.allowed.any(0).all():
        raise ConfigError(f"options: none may be begun in state {int(choices.allowed.any(0).argmin())}")
    envs = vectorised(environment(mdp, config.horizon), 1)
    acts, stops, allowed = jnp.asarray(choices.action), jnp.asarray(choices.stop, float), jnp.asarray(choices.allowed.T)
    within_reach = lambda q, s: jnp.where(allowed[s], q[s], -jnp.inf)

    def choose(key: Key, q: Float[Array, "s o"], s: Int[Array, ""]) -> Int[Array, ""]:
        explore = jnp.where(allowed[s], config.epsilon, 0) / allowed[s].sum()
        return draw(key, explore + (1 - config.epsilon) * greedy(within_reach(q, s)))

    def begun(key: Key, state: State) -> State:
        here = envs.observe(state.world)[0]
        fresh = dict(began=here, earned=jnp.zeros(()), weight=jnp.ones(()))
        return state._replace(option=choose(key, state.q, here), **fresh)

    def init(key: Key, batch: None) -> State:
        choose_key, env_key = jax.random.split(key)
        zero, count = jnp.zeros(()), jnp.int32(0)
        q = jnp.zeros((states, len(choices.action)))
        return begun(choose_key, State(q, envs.reset(env_key), count, count, zero, zero, count))

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        env_key, stop_key, choose_key = jax.random.split(key, 3)
        action = acts[state.option, envs.observe(state.world)[0]]
        world, seen = envs.step(env_key, state.world, action[None])
        _, _, reward, terminal, truncated, after = jax.tree.map(lambda x: x[0], seen)
        earned, weight = state.earned + state.weight * reward, state.weight * mdp.discount
        ends = terminal | truncated | jax.random.bernoulli(stop_key, stops[state.option, after])
        following = within_reach(state.q, after).max()
        error = one_step_target(earned, terminal, weight, following) - state.q[state.began, state.option]
        alpha = jnp.where(ends, config.step_size, 0.0)
        state = state._replace(
            q=state.q.at[state.began, state.option].add(alpha * error),  # (3)
            world=world,
            earned=earned,
            weight=weight,
            episodes=state.episodes + (terminal | truncated),
        )
        state = jax.tree.map(lambda new, old: jnp.where(ends, new, old), begun(choose_key, state), state)
        return state, {"td_error": alpha * jnp.abs(error), "return": world.last_score[0]}

    def evaluate(key: Key, state: State, batch: None) -> dict:
        best = jnp.where(allowed, state.q, -jnp.inf).max(-1)
        return {"value": mdp.start @ best, "episodes": state.episodes.astype(float)}

    return Learner(init, step, evaluate)
