"""Games of MinAtar's Breakout, without actions that stick: tests/golden/minatar.npz.

Run by hand where minatar 1.0.15 is installed:  python tests/golden/make_minatar.py

Half of the games are played by following the ball, now and then with a move at random, the others at random throughout.
Of game n: from which side the ball starts, then for every step the action (0 stay, 1 left, 2 right), the picture after
it, the reward and whether the game is over; what comes after the end of a game is zero.
"""

from pathlib import Path

import numpy as np
from minatar.environments.breakout import Env

GAMES, STEPS = 8, 700
NAMES = (0, 1, 3)  # of the three actions in the list of all six

rng = np.random.default_rng(0)
right, first = np.zeros(GAMES, bool), np.zeros((GAMES, 10, 10, 4), bool)
action, reward, over = (np.zeros((GAMES, STEPS), kind) for kind in (np.int8, np.float32, bool))
picture = np.zeros((GAMES, STEPS, 10, 10, 4), bool)
for game in range(GAMES):
    env = Env()
    env.random = np.random.RandomState(game)
    env.reset()
    right[game], first[game] = env.ball_x > 0, env.state()
    for t in range(STEPS):
        follow = 1 if env.ball_x < env.pos else 2 if env.ball_x > env.pos else 0
        wild = rng.uniform() < (0.03 * game / 3 if game < 4 else 1)
        action[game, t] = rng.integers(3) if wild else follow
        reward[game, t], over[game, t] = env.act(NAMES[action[game, t]])
        picture[game, t] = env.state()
        if over[game, t]:
            break
    print(game, t, reward[game].sum(), over[game].any())
np.savez_compressed(
    Path(__file__).with_name("minatar.npz"),
    right=right, first=first, action=action, reward=reward, over=over, picture=np.packbits(picture, axis=None),
)  # fmt: skip
