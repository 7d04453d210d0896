"""Blackjack: draw cards up to 21, against a dealer who draws up to 17.

The rules are those of Gymnasium's Blackjack-v1 without its two flags: an endless deck, no prize for an ace and a ten.
A player with less than 12 draws without being asked, so that every decision is about a state of the tables. Who wins
is seen one move later than in Gymnasium: three states, won, drawn and lost, pay 1, 0 and -1 for whatever is done there.

Book     Sutton & Barto 2018, example 5.1
"""

from functools import cache

import numpy as np

from jaxicon.envs.tabular import MDP

STICK, HIT = 0, 1
CARDS = {card: (4 if card == 10 else 1) / 13 for card in range(1, 11)}  # an ace is 1
WON, DRAWN, LOST, END = range(200, 204)
Hand = tuple[int, bool]  # the sum, and whether an ace counts 11 in it


def state_of(total: int, usable: bool, dealer: int) -> int:
    """The index of a player's hand from 12 to 21 against the dealer's open card."""
    return 100 * usable + 10 * (total - 12) + dealer - 1


def drawn(hand: Hand, card: int) -> Hand:
    """The hand with one more card: an ace counts 11 as long as that is not too much."""
    total, usable = hand
    if card == 1 and total + 11 <= 21:
        return total + 11, True
    total += card
    return (total - 10, False) if usable and total > 21 else (total, usable)


@cache
def until(hand: Hand, enough: int) -> dict[Hand, float]:
    """What a hand becomes, with probabilities, if one draws as long as it has less than `enough`."""
    if hand[0] >= enough:
        return {hand: 1.0}
    found = {}
    for card, chance in CARDS.items():
        for last, share in until(drawn(hand, card), enough).items():
            found[last] = found.get(last, 0.0) + chance * share
    return found


def outcomes(total: int, dealer: int) -> np.ndarray:
    """Probabilities of won, drawn and lost for who sticks."""
    final = until(drawn((0, False), dealer), 17).items()
    sums = [(0 if theirs > 21 else theirs, chance) for (theirs, _), chance in final]
    beats = lambda test: sum(chance for theirs, chance in sums if test(theirs))
    return np.array([beats(lambda x: x < total), beats(lambda x: x == total), beats(lambda x: x > total)])


def blackjack() -> MDP:
    """200 states with a decision, to stick (0) or to hit (1), then three outcomes and the end; undiscounted."""
    transition, start = np.zeros((204, 2, 204)), np.zeros(204)
    for usable, total, dealer in np.ndindex(2, 10, 10):
        hand, s = (total + 12, bool(usable)), state_of(total + 12, bool(usable), dealer + 1)
        transition[s, STICK, WON:END] = outcomes(total + 12, dealer + 1)
        for card, chance in CARDS.items():
            after = drawn(hand, card)
            transition[s, HIT, LOST if after[0] > 21 else state_of(*after, dealer + 1)] += chance
        start[s] = until((0, False), 12).get(hand, 0.0) * CARDS[dealer + 1]
    transition[WON:, :, END] = 1
    reward = np.zeros((204, 2))
    reward[WON], reward[LOST] = 1, -1
    return MDP(transition, reward, 1.0, np.arange(204) == END, start)
