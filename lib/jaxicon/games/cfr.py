"""Counterfactual regret minimisation: in every information set, play in proportion to what was regretted so far.

Notes    CS182 Spring 2021 §11.4.4
Paper    Zinkevich, Johanson, Bowling & Piccione 2007, Advances in Neural Information Processing Systems 20
Systems  game.cfr game.nash
Idea     R(I, a) = sum_t q_t(I, a) - v_t(I),  q and v weighted by the others' reach                               (1)
         pi(a | I) = R+(I, a) / sum_b R+(I, b), uniform where no regret is positive                               (2)
         the mean of the plans x_t tends to an equilibrium: NashConv <= sum_I max_a R+(I, a) / T                  (3)
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Agent, Key
from jaxicon.envs.best_response import Policies, backup, legal_moves, nash_conv, plan, value
from jaxicon.envs.extensive_form import Game


@dataclass(frozen=True)
class Config:
    random_start: float = 0.0  # scale of the first regrets; at zero all seeds agree


class Seat(NamedTuple):
    """What one player remembers."""

    regret: Float[Array, "i a"]  # R
    plan: Float[Array, "s"]  # x of the current strategy
    plans: Float[Array, "i a"]  # the sum of all x so far, without the empty sequence


class State(NamedTuple):
    seats: tuple[Seat, Seat]
    count: Float[Array, ""]  # iterations


def normalised(weights: Float[Array, "i a"], legal) -> Float[Array, "i a"]:
    """Probabilities in proportion to the weights, uniform over the legal moves where all are zero."""
    total = weights.sum(-1, keepdims=True)
    return jnp.where(total > 0, weights / jnp.where(total > 0, total, 1), legal / legal.sum(-1, keepdims=True))


def average(game: Game, state: State) -> Policies:
    """The strategies that converge: the mean of all plans so far."""
    return tuple(normalised(seat.plans, legal) for seat, legal in zip(state.seats, legal_moves(game), strict=True))


def cfr(config: Config, game: Game) -> Agent:
    """A solver with alternating updates: player 1 replies to what player 0 has just learnt. Needs no data.

    A step is one iteration for both. An observation is the index of an information set, those of player 0 first.
    """
    legal = legal_moves(game)

    def matching(player: int, regret: Float[Array, "i a"]) -> Float[Array, "i a"]:
        return normalised(jnp.maximum(regret, 0), legal[player])  # (2)

    def init(key: Key, batch: None) -> State:
        def seat(player: int) -> Seat:
            noise = jax.random.normal(jax.random.fold_in(key, player), legal[player].shape)
            regret = jnp.where(legal[player], config.random_start * noise, 0)
            return Seat(regret, plan(game.levels[player], matching(player, regret)), jnp.zeros_like(regret))

        return State((seat(0), seat(1)), jnp.zeros(()))

    def update(player: int, seat: Seat, other: Float[Array, "s"]) -> Seat:
        """One traversal for one player, against the other's plan."""
        levels, policy = game.levels[player], matching(player, seat.regret)
        q, v = backup(levels, other, lambda q, level, rows: (policy[rows] * q).sum(-1))
        regret = jnp.where(legal[player], seat.regret + q - v[:, None], 0)  # (1)
        plans = seat.plans + seat.plan[1:].reshape(policy.shape)
        return Seat(regret, plan(levels, matching(player, regret)), plans)

    def step(key: Key, state: State, batch: None):
        first = update(0, state.seats[0], state.seats[1].plan)
        second = update(1, state.seats[1], first.plan)
        count = state.count + 1
        regret = sum(jnp.maximum(seat.regret, 0).max(-1).sum() for seat in (first, second)) / count  # (3)
        return State((first, second), count), {"average_regret": regret}

    def evaluate(key: Key, state: State, batch: None):
        policies = average(game, state)
        return {"nash_conv": nash_conv(game, policies), "value": value(game, policies)}

    def act(key: Key, state: State, obs: Int[Array, ""]) -> Int[Array, ""]:
        return jax.random.categorical(key, jnp.log(jnp.concatenate(average(game, state))[obs]))

    return Agent(init, step, evaluate, act)
