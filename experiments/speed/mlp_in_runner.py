"""A small perceptron (64-64-10, batch 32, Adam) in the runner, against a loop over its jitted step.

Run      python -m experiments bench speed/mlp_in_runner
Expect   ratio_loop >= 1.8
Cost     10 s
"""

from functools import partial

import jax

from experiments.timing.clock import plain_loop
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import resident
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp

STEPS = 1000


def candidates():
    key, method, stream = jax.random.key(0), mlp(Config(hidden=(64,)), 10), resident(digits()[0], 32)
    state = fresh(key, method, stream)
    return {
        "runner": partial(train, key, method, stream, STEPS, state=state, chunk=STEPS),
        "loop": plain_loop(key, method, stream, state, STEPS),
    }
