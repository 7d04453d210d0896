"""Kuhn poker: three cards, one bet.

Book     Kuhn 1950, Contributions to the Theory of Games 1
Idea     Both ante 1 and get one card of J, Q, K. Pass or bet 1; after a bet, fold (pass) or call (bet). The higher card
         wins. The first player loses 1/18 a game when both play perfectly.
"""

from jaxicon.envs.extensive_form import Chance, Decision, Terminal


def kuhn(history: tuple) -> Terminal | Chance | Decision:
    """Rules: two cards 0 .. 2, then moves "p" and "b"; an information set is named like "Jpb"."""
    cards, bets = history[:2], "".join(history[2:])
    if len(cards) < 2:
        left = [card for card in range(3) if card not in cards]
        return Chance({card: 1 / len(left) for card in left})
    if bets in ("bp", "pbp"):  # a fold
        return Terminal(1.0 if bets == "bp" else -1.0)
    if bets in ("pp", "bb", "pbb"):
        stake = 1.0 if bets == "pp" else 2.0
        return Terminal(stake if cards[0] > cards[1] else -stake)
    player = len(bets) % 2
    return Decision(player, "JQK"[cards[player]] + bets, ("p", "b"))
