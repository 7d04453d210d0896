"""What strategies are worth in a two-player zero-sum game: value, best response, exploitability.

Notes    CS182 Spring 2021 §11.4.2
Paper    von Stengel 1996, Games and Economic Behavior 14
Systems  game.best_response_exploitability
Idea     v(I) = max_a q(I, a),  q(s) = sum_z u(z) chance(z) x_other(z) + sum of v over the sets just below s        (1)
         NashConv = u_0(best response, pi_1) + u_1(pi_0, best response),  zero at a Nash equilibrium alone          (2)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxicon.envs.extensive_form import Game, Level

Policies = tuple[Float[Array, "i a"], Float[Array, "j a"]]  # probabilities of the moves in every set, for each player


def spans(levels: tuple[Level, ...]) -> list[tuple[Level, slice]]:
    """Every level with its rows in a table of all the player's information sets."""
    ends = [sum(len(level.above) for level in levels[: n + 1]) for n in range(len(levels))]
    return [(level, slice(end - len(level.above), end)) for level, end in zip(levels, ends, strict=True)]


def legal_moves(game: Game) -> tuple[Bool[Array, "i a"], Bool[Array, "j a"]]:
    """Of both players, at every information set: which moves there are."""
    return tuple(jnp.concatenate([level.legal for level in levels]) for levels in game.levels)


def uniform(game: Game) -> Policies:
    """All legal moves with equal probability."""
    return tuple(legal / legal.sum(-1, keepdims=True) for legal in legal_moves(game))


def plan(levels: tuple[Level, ...], policy: Float[Array, "i a"]) -> Float[Array, "s"]:
    """The product of the player's own probabilities down to every sequence."""
    parts = [jnp.ones(1, policy.dtype)]
    for level, rows in spans(levels):
        parts.append((parts[-1][level.above][:, None] * policy[rows]).ravel())
    return jnp.concatenate(parts)


def backup(
    levels: tuple[Level, ...], other: Float[Array, "s"], choose: Callable
) -> tuple[Float[Array, "i a"], Float[Array, "i"]]:
    """(1) q [i, a] of every move and v [i] of every set, both times the others' reach, against the plan `other`.

    choose(q [n, a], level, rows) -> v [n] is the mean under a strategy, or the maximum.
    """
    qs, vs = [], [jnp.zeros(0, other.dtype)]
    for level, rows in reversed(spans(levels)):
        below = jnp.append(vs[-1], 0)[level.children].sum(-1)
        qs.append((level.payoff * other[level.against]).sum(-1) + below)
        vs.append(choose(qs[-1], level, rows))
    return jnp.concatenate(qs[::-1]), jnp.concatenate(vs[:0:-1])


def value(game: Game, policies: Policies) -> Float[Array, ""]:
    """The mean payoff to player 0."""
    first, second = (
        plan(levels, policy)[ends] for levels, policy, ends in zip(game.levels, policies, game.sequences, strict=True)
    )
    return (game.payoff * game.chance * first * second).sum()


def best_response(game: Game, player: int, policies: Policies) -> Float[Array, "i a"]:
    """A pure strategy of `player` that is optimal against the other's policy."""
    other = plan(game.levels[1 - player], policies[1 - player])
    legal = legal_moves(game)[player]
    q, _ = backup(game.levels[player], other, lambda q, level, rows: jnp.where(level.legal, q, -jnp.inf).max(-1))
    return jax.nn.one_hot(jnp.where(legal, q, -jnp.inf).argmax(-1), legal.shape[1], dtype=q.dtype)


def nash_conv(game: Game, policies: Policies) -> Float[Array, ""]:
    """(2) What both players together could gain by deviating."""
    first, second = (best_response(game, player, policies) for player in (0, 1))
    return value(game, (first, policies[1])) - value(game, (policies[0], second))


def exploitability(game: Game, policies: Policies) -> Float[Array, ""]:
    """What a player loses on average, over both seats, to an opponent who knows the strategy."""
    return nash_conv(game, policies) / 2
