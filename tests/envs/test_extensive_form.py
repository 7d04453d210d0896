"""The arrays against a recursion over the rules in plain Python, best responses against all pure strategies, Leduc
poker against OpenSpiel."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.best_response import (
    best_response,
    exploitability,
    legal_moves,
    nash_conv,
    plan,
    uniform,
    value,
)
from jaxicon.envs.extensive_form import Chance, Decision, Terminal, extensive_form
from jaxicon.envs.kuhn import kuhn
from jaxicon.envs.leduc import leduc
from tests.conftest import ROOT


def lopsided(history: tuple):
    """Ends before player 1 moves, or after two, three or one further moves; no two sets have the same moves."""
    match history:
        case ():
            return Chance({"heads": 0.3, "tails": 0.7})
        case (_,):
            return Decision(0, "start", ("out", "in", "on"))
        case (coin, "out"):
            return Terminal(0.4 if coin == "heads" else -1.3)
        case (coin, move):
            return Decision(1, coin, (1, 2)) if move == "in" else Decision(1, coin + move, (1, 2, 3, 4))
        case (coin, "in", choice):
            return Terminal(choice * (1.0 if coin == "tails" else -0.7))
        case (coin, "on", choice) if choice < 4:
            return Decision(0, f"late{choice}", ("a", "b"))
        case (coin, "on", *rest):
            return Terminal(len(rest) - 1.5 + (rest[-1] == "a") * (2.0 if coin == "heads" else -1.0))


GAMES = {rules: extensive_form(rules) for rules in (kuhn, leduc, lopsided)}


def payoff(rules, play, history=()) -> float:
    """The mean payoff to player 0 when play[player][infoset] are probabilities."""
    node = rules(history)
    if isinstance(node, Terminal):
        return node.payoff
    if isinstance(node, Chance):
        return sum(p * payoff(rules, play, (*history, move)) for move, p in node.outcomes.items())
    chances = play[node.player][node.infoset]
    return sum(chances[a] * payoff(rules, play, (*history, m)) for a, m in enumerate(node.moves) if chances[a])


def choices(rules, history=()) -> dict:
    """{(player, infoset): moves} of every decision below a history."""
    node = rules(history)
    if isinstance(node, Terminal):
        return {}
    own = {(node.player, node.infoset): node.moves} if isinstance(node, Decision) else {}
    moves = node.moves if isinstance(node, Decision) else node.outcomes
    return own | {k: v for move in moves for k, v in choices(rules, (*history, move)).items()}


def random_policies(game, seed):
    legal = [np.asarray(p) > 0 for p in uniform(game)]
    weights = [np.random.default_rng([seed, p]).exponential(size=legal[p].shape) * legal[p] for p in (0, 1)]
    return tuple(jnp.asarray(w / w.sum(-1, keepdims=True)) for w in weights)


def named(game, policies) -> list[dict]:
    return [dict(zip(names, np.asarray(p), strict=True)) for names, p in zip(game.infosets, policies, strict=True)]


@pytest.mark.system("game.extensive_form")
def test_kuhn_has_12_information_sets_and_30_terminal_histories():
    game = GAMES[kuhn]
    assert [sorted(names) for names in game.infosets] == [
        ["J", "Jpb", "K", "Kpb", "Q", "Qpb"],
        ["Jb", "Jp", "Kb", "Kp", "Qb", "Qp"],
    ]
    assert len(game.payoff) == 30
    assert [np.abs(game.payoff).tolist().count(stake) for stake in (1, 2)] == [18, 12]
    np.testing.assert_allclose(game.chance, 1 / 6)


@pytest.mark.system("game.extensive_form")
def test_kuhn_offers_two_moves_everywhere_and_uniform_play_halves_them():
    for legal, policy in zip(legal_moves(GAMES[kuhn]), uniform(GAMES[kuhn]), strict=True):
        np.testing.assert_array_equal(legal.sum(1), np.full(6, 2))
        np.testing.assert_array_equal(policy, np.where(legal, 0.5, 0))


def test_leduc_has_the_sets_and_the_legal_moves_of_openspiel():
    table = np.load(ROOT / "tests/golden/leduc_cfr.npz")
    ours = {infoset: "".join(moves) for (_, infoset), moves in choices(leduc).items()}
    assert ours == dict(zip(table["infosets"].tolist(), table["moves"].tolist(), strict=True))
    assert sorted(ours) == sorted(sum(GAMES[leduc].infosets, ()))


@pytest.mark.parametrize("rules", GAMES, ids=lambda rules: rules.__name__)
def test_value_equals_the_recursion_over_the_rules(rules, x64):
    game = GAMES[rules]
    for seed in range(3):
        policies = random_policies(game, seed)
        expected = payoff(rules, named(game, policies))
        np.testing.assert_allclose(jax.jit(value)(game, policies), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
@pytest.mark.system("game.best_response_exploitability")
@pytest.mark.parametrize("rules", [kuhn, lopsided], ids=lambda rules: rules.__name__)
def test_best_response_is_the_best_of_all_pure_strategies(rules, x64):
    game = GAMES[rules]
    for seed in range(3):
        policies = random_policies(game, seed)
        best = []
        for player in (0, 1):
            counts = [int((row > 0).sum()) for row in policies[player]]
            values = []
            for pure in product(*map(range, counts)):
                play = named(game, policies)
                play[player] = {n: np.eye(4)[a] for n, a in zip(game.infosets[player], pure, strict=True)}
                values.append(payoff(rules, play) * (1 - 2 * player))
            best.append(max(values))
            play[player] = named(game, [best_response(game, player, policies)] * 2)[player]
            np.testing.assert_allclose(payoff(rules, play) * (1 - 2 * player), best[-1], rtol=1e-12)
        np.testing.assert_allclose(nash_conv(game, policies), sum(best), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.system("game.best_response_exploitability")
def test_exploitability_of_uniform_play(x64):
    game = GAMES[kuhn]
    policies = uniform(game)
    gains = [value(game, (best_response(game, 0, policies), policies[1]))]
    gains.append(-value(game, (policies[0], best_response(game, 1, policies))))
    np.testing.assert_allclose(gains, [1 / 2, 5 / 12], rtol=1e-12)
    np.testing.assert_allclose(exploitability(game, policies), 11 / 24, rtol=1e-12)
    np.testing.assert_allclose(nash_conv(GAMES[leduc], uniform(GAMES[leduc])), 4.7472222222, rtol=1e-9)


def test_a_plan_is_one_flow_split_at_every_information_set(x64):
    game = GAMES[leduc]
    for levels, policy in zip(game.levels, random_policies(game, 0), strict=True):
        x = np.asarray(plan(levels, policy))
        first, start = 0, 1  # rows of the level above: its sequences
        for level in levels:
            rows = x[start : start + level.legal.size].reshape(level.legal.shape)
            np.testing.assert_allclose(rows.sum(-1), x[first + level.above], rtol=1e-12)
            first, start = start, start + level.legal.size


def forgetful(history):
    """Player 0 moves twice and does not know the second time."""
    return Decision(0, "same", ("l", "r")) if len(history) < 2 else Terminal(1.0)


def unfair(history):
    return (
        Chance({"a": 0.5, "b": 0.6}) if not history else Decision(0, "x", (0,)) if len(history) < 2 else Terminal(0.0)
    )


@pytest.mark.parametrize(("rules", "message"), [(forgetful, "perfect recall"), (unfair, "sum to 1.1")])
def test_rules_that_are_no_game_are_refused(rules, message):
    with pytest.raises(ConfigError, match=message):
        extensive_form(rules)
