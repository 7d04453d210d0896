"""Leduc poker: six cards, two rounds of betting, one public card between them.

Paper    Southey et al. 2005, arXiv:1207.1411
Idea     Both ante 1 and get one card of two suits of J, Q, K. Fold, call (or check), or raise by 2 in the first round
         and by 4 in the second, at most two raises a round; then a public card, then the second round. A pair with the
         public card wins, else the higher rank; equal ranks share.
"""

from jaxicon.envs.extensive_form import Chance, Decision, Terminal


def closed(moves: str) -> bool:
    """Whether a round of betting is over: everyone has moved and all bets are matched."""
    return len(moves) > 1 and moves[-1] == "c"


def paid(rounds: tuple[str, ...]) -> list[float]:
    """What each player has put into the pot."""
    pot = [1.0, 1.0]
    for moves, amount in zip(rounds, (2.0, 4.0), strict=False):
        for n, move in enumerate(moves):
            if move != "f":
                pot[n % 2] = pot[1 - n % 2] + (amount if move == "r" else 0.0)
    return pot


def showdown(cards: list[int]) -> int:
    """1 if player 0 wins, -1 if player 1 does, 0 for a draw."""
    ranks = [card // 2 for card in cards]
    strength = [rank + 10 * (rank == ranks[2]) for rank in ranks[:2]]
    return (strength[0] > strength[1]) - (strength[0] < strength[1])


def leduc(history: tuple) -> Terminal | Chance | Decision:
    """Rules: cards 0 .. 5 of rank card // 2, moves "f", "c" and "r"; an information set is named like "50:cr/":
    private card, public card, moves of the rounds."""
    cards = [move for move in history if isinstance(move, int)]
    public = history.index(cards[2], 2) if len(cards) > 2 else len(history)
    rounds = "".join(history[2:public]), "".join(history[public + 1 :])
    moves = rounds[len(cards) > 2]
    if len(cards) < 2 or (len(cards) == 2 and closed(moves)):
        left = [card for card in range(6) if card not in cards]
        return Chance({card: 1 / len(left) for card in left})
    if moves.endswith("f"):
        loser = (len(moves) - 1) % 2
        return Terminal(paid(rounds)[loser] * (2 * loser - 1))
    if closed(moves):
        return Terminal(paid(rounds)[0] * showdown(cards))
    player = len(moves) % 2
    choices = ("f" * moves.endswith("r")) + "c" + ("r" * (moves.count("r") < 2))
    name = f"{cards[player]}{cards[2] if len(cards) > 2 else ''}:{'/'.join(rounds[: len(cards) - 1])}"
    return Decision(player, name, tuple(choices))
