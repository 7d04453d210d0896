"""Iterations of CFR on Kuhn poker: ours in the runner, and OpenSpiel's solver in C++, to the same NashConv.

Both update the players in turn, so the iterates are the same and their number is the time to any NashConv; before
anything is timed, the two are compared after STEPS iterations.

Run      python -m experiments bench speed/cfr_kuhn_and_openspiel
Expect   ratio_openspiel >= 5
Cost     20 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from experiments.timing.peers import peer
from jaxicon.core.errors import NumericError
from jaxicon.core.run import fresh, train
from jaxicon.envs.extensive_form import extensive_form
from jaxicon.envs.kuhn import kuhn
from jaxicon.games.cfr import Config, cfr

STEPS = 5000


def compared(rules: Callable, name: str, steps: int) -> dict[str, Callable[[], Any]]:
    """Our solver and OpenSpiel's, both from the start; raises NumericError where they do not reach the same."""
    pyspiel = peer("pyspiel")
    key, method, game = jax.random.key(0), cfr(Config(), extensive_form(rules)), pyspiel.load_game(name)
    ours = partial(train, key, method, steps=steps, chunk=steps, state=fresh(key, method))

    def theirs():
        solver = pyspiel.CFRSolver(game)
        for _ in range(steps):
            solver.evaluate_and_update_policy()
        return solver

    reached = float(method.evaluate(key, ours()[0], None)["nash_conv"])
    solver = theirs()  # its policies live no longer than itself
    wanted = pyspiel.nash_conv(game, solver.average_policy())
    if abs(reached - wanted) > 0.02 * wanted:
        raise NumericError(f"{name}: NashConv is {reached} after {steps} iterations, and {wanted} by OpenSpiel")
    return {"ours": ours, "openspiel": lambda: (theirs(), None)[1]}


def candidates():
    return compared(kuhn, "kuhn_poker", STEPS)
