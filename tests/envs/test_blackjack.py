import gymnasium
import numpy as np
import pytest

from jaxicon.envs.blackjack import DRAWN, END, LOST, WON, blackjack, state_of
from jaxicon.envs.tabular import check

# By hand what is known as basic strategy, to hit or to stick: from which sum on one sticks, against each open card.
HARD = {1: 17, 2: 13, 3: 13, 4: 12, 5: 12, 6: 12, 7: 17, 8: 17, 9: 17, 10: 17}
SOFT = {2: 18, 3: 18, 4: 18, 5: 18, 6: 18, 7: 18, 8: 18, 9: 19, 10: 19}


def test_to_stick_and_to_hit_lead_where_they_lead_in_gymnasium():
    """From hands with and without a usable ace, the frequencies of 3000 games each."""
    mdp, game, n = check(blackjack()), gymnasium.make("Blackjack-v1", natural=False, sab=False).unwrapped, 3000
    game.reset(seed=0)
    for player, dealer in (([10, 6], 1), ([10, 10], 10), ([8, 5], 5), ([1, 7], 9), ([1, 1], 6), ([9, 3, 9], 2)):
        usable = 1 in player and sum(player) + 10 <= 21
        s = state_of(sum(player) + 10 * usable, usable, dealer)
        for action in (0, 1):
            counts = np.zeros(204)
            for _ in range(n):
                game.player, game.dealer = list(player), [dealer]
                (total, _, ace), reward, over, _, _ = game.step(action)
                counts[{1.0: WON, 0.0: DRAWN, -1.0: LOST}[reward] if over else state_of(total, bool(ace), dealer)] += 1
            chance = mdp.transition[s, action]
            assert not counts[chance == 0].any()
            assert (np.abs(counts - n * chance) <= 4.5 * np.sqrt(n * chance * (1 - chance)) + 1e-9).all()
    assert mdp.reward[[WON, DRAWN, LOST, END], 1].tolist() == [1, 0, -1, 0]


def test_a_game_starts_as_in_gymnasium_once_there_is_something_to_decide():
    mdp, game, n, counts = blackjack(), gymnasium.make("Blackjack-v1").unwrapped, 4000, np.zeros(204)
    game.reset(seed=0)
    for _ in range(n):
        (total, dealer, ace), _ = game.reset()
        while total < 12:
            (total, dealer, ace), *_ = game.step(1)
        counts[state_of(total, bool(ace), dealer)] += 1
    assert (np.abs(counts - n * mdp.start) <= 4.5 * np.sqrt(n * mdp.start) + 1e-9).all()


def test_the_best_policy_is_basic_strategy():
    mdp = blackjack()
    value = np.zeros(204)
    for _ in range(30):  # no game is longer
        q = mdp.reward + mdp.transition @ value
        value = q.max(-1)
    for usable, table in ((False, HARD), (True, SOFT)):
        for dealer, enough in table.items():
            for total in range(12, 22):
                assert q[state_of(total, usable, dealer)].argmax() == (total < enough), (total, usable, dealer)
    assert -0.06 < mdp.start @ value < -0.03  # the house wins


def test_states_are_numbered_without_gaps():
    found = {
        state_of(total, usable, dealer)
        for total in range(12, 22)
        for usable in (False, True)
        for dealer in range(1, 11)
    }
    assert found == set(range(200))


@pytest.mark.parametrize("s", [WON, DRAWN, LOST])
def test_outcomes_lead_to_the_end(s):
    assert (blackjack().transition[s, :, END] == 1).all()
