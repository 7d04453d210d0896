"""Iterations of CFR on Leduc poker: ours in the runner, and OpenSpiel's solver in C++, to the same NashConv.

Run      python -m experiments bench speed/cfr_leduc_and_openspiel --repeats 10
Expect   ratio_openspiel >= 20
Cost     30 s
"""

from experiments.speed.cfr_kuhn_and_openspiel import compared
from jaxicon.envs.leduc import leduc

STEPS = 100


def candidates():
    return compared(leduc, "leduc_poker", STEPS)
