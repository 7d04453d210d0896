"""Ten epochs of a restricted Boltzmann machine as in rbm_and_sklearn, but in batches of 100.

Run      python -m experiments bench speed/rbm_large_batch_and_sklearn --repeats 5
Expect   ratio_sklearn >= 1
Cost     10 s
"""

from experiments.speed.rbm_and_sklearn import EPOCHS, compared

BATCH = 100
STEPS = EPOCHS * -(-1437 // BATCH)


def candidates():
    return compared(BATCH, STEPS)
