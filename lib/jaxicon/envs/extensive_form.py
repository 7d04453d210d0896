"""Two-player zero-sum games of chance and imperfect information, as arrays in sequence form, ordered by level.

Notes    CS182 Spring 2021 §11.4.3
Paper    von Stengel 1996, Games and Economic Behavior 14
Systems  game.extensive_form
Idea     With perfect recall a player's information sets form a forest: above each lies one *sequence*, the player's own
         moves so far. A strategy is a plan x over sequences, x(empty) = 1, x(I, a) = x(above I) pi(a | I), and the
         payoff is bilinear in the two plans: the sum over terminal z of chance(z) u(z) x_0(s_0(z)) x_1(s_1(z)).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import NamedTuple

import jax
import numpy as np

from jaxicon.core.errors import ConfigError


class Terminal(NamedTuple):
    payoff: float  # to player 0; player 1 gets the negative


class Chance(NamedTuple):
    outcomes: dict[Hashable, float]  # move -> probability


class Decision(NamedTuple):
    player: int
    infoset: str  # what the player knows: equal for histories that the player cannot tell apart
    moves: tuple[Hashable, ...]


Rules = Callable[[tuple], Terminal | Chance | Decision]  # of a history, the tuple of all moves so far
Table = np.ndarray | jax.Array


class Level(NamedTuple):
    """The information sets of one player with equally many own moves before them: i sets, a moves each.

    Where a set has fewer moves, children or terminals than another, zeros and indices of nothing fill the rest.
    """

    above: Table  # [i] the sequence above each set, as an index into the previous level's i * a; 0 in the first
    legal: Table  # [i, a] bool
    children: Table  # [i, a, c] sets of the next level below each sequence; the number of those sets where none is
    payoff: Table  # [i, a, k] to this player, times chance, of terminals after which the player moves no more
    against: Table  # [i, a, k] the opponent's sequence there


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Game:
    """Sequences of a player: 0 is the empty one, 1 + i * moves + a is move a in set i, sets in order of level."""

    levels: tuple[tuple[Level, ...], tuple[Level, ...]]
    payoff: Table  # [z] to player 0, of every terminal history
    chance: Table  # [z] probability of its chance moves
    sequences: Table  # [2, z] the players' last sequences
    infosets: tuple[tuple[str, ...], tuple[str, ...]] = field(metadata={"static": True})


def extensive_form(rules: Rules) -> Game:
    """The arrays of a game; raises ConfigError where the rules are no two-player game of perfect recall."""
    terminals, sets = explore(rules)
    moves = max(len(known) for side in sets for _, known in side.values())
    order = [{name: i for i, name in enumerate(sorted(side, key=partial(depth, side)))} for side in sets]
    number = lambda player, last: 0 if last is None else 1 + order[player][last[0]] * moves + last[1]
    payoff, chance = np.array([terminal[:2] for terminal in terminals], float).T
    ends = np.array([[number(player, last[player]) for _, _, last in terminals] for player in (0, 1)], np.int32)
    levels = (
        tabulate(sets[0], order[0], moves, payoff * chance, ends[0], ends[1]),
        tabulate(sets[1], order[1], moves, -payoff * chance, ends[1], ends[0]),
    )
    return Game(levels, payoff, chance, ends, tuple(tuple(names) for names in order))


def explore(rules: Rules):
    """(payoff, chance, last own moves) of every terminal history, and {infoset: (last own move, moves)} per player."""
    terminals, sets, stack = [], ({}, {}), [((), 1.0, (None, None))]
    while stack:
        history, chance, last = stack.pop()
        node = rules(history)
        if isinstance(node, Terminal):
            terminals.append((node.payoff, chance, last))
        elif isinstance(node, Chance):
            if abs(sum(node.outcomes.values()) - 1) > 1e-9:
                raise ConfigError(f"rules: chances after {history} sum to {sum(node.outcomes.values())}, not to 1")
            stack += [((*history, move), chance * p, last) for move, p in reversed(node.outcomes.items())]
        else:
            player, name, moves = node
            known = sets[player].setdefault(name, (last[player], moves))
            if known != (last[player], moves):
                raise ConfigError(
                    f"rules: infoset {name!r} of player {player} has own last move and choices {known},\n"
                    f"but {(last[player], moves)} after {history}; expected perfect recall"
                )
            for a in reversed(range(len(moves))):
                after = ((name, a), last[1]) if player == 0 else (last[0], (name, a))
                stack.append(((*history, moves[a]), chance, after))
    return terminals, sets


def depth(side: dict, name: str) -> int:
    """The player's own moves before an information set."""
    above = side[name][0]
    return 0 if above is None else 1 + depth(side, above[0])


def tabulate(side: dict, order: dict, moves: int, payoff, own, other) -> tuple[Level, ...]:
    """The levels of one player, whose terminals have these payoffs and these last sequences, own and the opponent's."""
    ranks = [list(names) for _, names in groupby(order, partial(depth, side))]
    ending = {s: np.flatnonzero(own == s) for s in set(own.tolist())}
    levels = []
    for names, before, after in zip(ranks, [[], *ranks], [*ranks[1:], []], strict=False):
        sequences = [(name, a) for name in names for a in range(moves)]
        place = {(name, a): i for i, (name, a) in enumerate((name, a) for name in before for a in range(moves))}
        children = [[i for i, child in enumerate(after) if side[child][0] == sequence] for sequence in sequences]
        terminals = [ending.get(1 + order[name] * moves + a, ()) for name, a in sequences]
        table = lambda rows, fill: padded(rows, fill).reshape(len(names), moves, -1)
        levels.append(
            Level(
                above=np.array([place.get(side[name][0], 0) for name in names], np.int32),
                legal=np.arange(moves)[None] < np.array([[len(side[name][1])] for name in names]),
                children=table(children, len(after)),
                payoff=table([payoff[list(z)] for z in terminals], 0.0),
                against=table([other[list(z)] for z in terminals], 0),
            )
        )
    return tuple(levels)


def padded(rows: list, fill: float) -> np.ndarray:
    """Rows of unequal length as one array."""
    width = max(map(len, rows))
    kind = np.int32 if isinstance(fill, int) else float
    return np.array([[*row, *[fill] * (width - len(row))] for row in rows], kind)
