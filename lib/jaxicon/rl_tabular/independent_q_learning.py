"""Independent Q-learning: each of two players learns as if there were no other.

Notes    RL & DL notebook U1, where multi-agent learning is only named
Paper    Leslie & Collins 2005, SIAM Journal on Control and Optimization 44
Systems  rl.multi_agent_named
Idea     Q(a) <- Q(a) + min(1, alpha / pi(a)) (r - Q(a)),  pi = softmax(Q / temperature)                          (1)
         where it converges, both play smooth best replies to each other: an equilibrium but for the temperature   (2)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.matrix_game import MatrixGame, check, nash_gap
from jaxicon.ops.exploration import draw, harmonic_decay


@dataclass(frozen=True)
class Config:
    temperature: float = 0.1  # in the end
    heat: float = 1.0  # at first the temperature is so much higher,
    pace: float = 300.0  # at round t by heat / (1 + t / pace)
    step_size: float = 1.0
    power: float = 0.9  # alpha = step_size / n^power at the n-th round
    spread: float = 0.5  # deviation of the first action values, so that not all runs end in the same equilibrium


class State(NamedTuple):
    values: Float[Array, "2 a"]
    rounds: Int[Array, ""]


def independent_q_learning(config: Config, game: MatrixGame) -> Agent:
    """One step is one round of the game. Dividing by pi(a) makes all values move at one speed, however rare the action.

    evaluate: `gap`, what both could gain by better replies, and `reward_row`, `reward_column`, expected of a round.
    An observation is the number of a player, 0 or 1. Raises ConfigError for an ill-formed game, for players with
    different numbers of actions, and a temperature that is not positive.
    """
    positive("independent_q_learning", temperature=config.temperature)
    if len(set(check(game).row.shape)) > 1:
        raise ConfigError(f"independent_q_learning: payoffs are {game.row.shape}; expected as many rows as columns")
    actions = game.row.shape[0]
    payoff = lambda: jnp.array([game.row, game.column], float)

    def policies(state: State) -> Float[Array, "2 a"]:
        heat = harmonic_decay(state.rounds, config.heat, config.pace)
        return jax.nn.softmax(state.values / (config.temperature + heat))

    def init(key: Key, batch: None) -> State:
        return State(config.spread * jax.random.normal(key, (2, actions)), jnp.int32(0))

    def measured(pi: Float[Array, "2 a"], reward: Float[Array, "2"]) -> dict:
        return {"gap": nash_gap(game, *pi), "reward_row": reward[0], "reward_column": reward[1]}

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        pi = policies(state)
        action = jax.vmap(draw)(jax.random.split(key), pi)
        reward = payoff()[:, action[0], action[1]]
        alpha = config.step_size / (state.rounds + 1) ** config.power
        rate = jnp.minimum(1.0, alpha / pi[jnp.arange(2), action])
        error = reward - state.values[jnp.arange(2), action]
        values = state.values.at[jnp.arange(2), action].add(rate * error)  # (1)
        return State(values, state.rounds + 1), measured(pi, reward)

    def evaluate(key: Key, state: State, batch: None) -> dict:
        pi = policies(state)
        return measured(pi, jnp.einsum("a,pab,b->p", pi[0], payoff(), pi[1]))

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return draw(key, policies(state)[obs])

    return Agent(init, step, evaluate, act)
