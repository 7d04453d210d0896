"""Leduc poker by OpenSpiel's own CFR: python tests/golden/make_leduc.py, where open_spiel 2.0.2 is installed."""

import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyspiel

ITERATIONS = (1, 2, 5, 10, 20, 50)
FORM = r"\[Observer.*\[Private: (\d)\].*?(?:\[Public: (\d)\])?\[Round1: (.*)\]\[Round2: (.*)\]"


def name(text: str) -> str:
    """An information state as private card, public card, moves of the rounds: "50:cr/"."""
    private, public, *rounds = re.fullmatch(FORM, text).groups()
    first, second = (r.replace(" ", "").translate(str.maketrans("012", "fcr")) for r in rounds)
    return f"{private}{public or ''}:{first}" + (f"/{second}" if public else "")


game = pyspiel.load_game("leduc_poker")
solver = pyspiel.CFRSolver(game)
nash_conv = []
for t in range(1, ITERATIONS[-1] + 1):
    solver.evaluate_and_update_policy()
    if t in ITERATIONS:
        nash_conv.append(pyspiel.nash_conv(game, solver.average_policy()))
table = {name(state): policy for state, policy in solver.tabular_average_policy().policy_table().items()}
policy = np.zeros((len(table), 3))
for row, moves in zip(policy, table.values(), strict=True):
    row[: len(moves)] = [probability for _, probability in sorted(moves)]  # of the legal moves alone, in order
np.savez_compressed(
    Path(__file__).with_name("leduc_cfr.npz"),
    versions=f"open_spiel {version('open_spiel')} numpy {np.__version__}",
    iterations=ITERATIONS,
    nash_conv=nash_conv,
    infosets=list(table),
    moves=["".join("fcr"[a] for a, _ in sorted(moves)) for moves in table.values()],
    policy=policy,
)
