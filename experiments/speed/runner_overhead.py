"""What the runner adds to a step that only draws one uniform from its key, against a loop over a jitted step.

Run      python -m experiments bench speed/runner_overhead
Expect   rate_runner >= 800000
         ratio_loop >= 1.8
Cost     10 s
"""

from functools import partial

import jax
import jax.numpy as jnp

from experiments.timing.clock import plain_loop
from jaxicon.core.method import Learner
from jaxicon.core.run import train
from jaxicon.core.stream import nothing

STEPS = 20_000


def candidates():
    def step(key, state, batch):
        value = state + jax.random.uniform(key)
        return value, {"value": value}

    method = Learner(lambda key, batch: jnp.zeros(()), step, lambda key, state, batch: {"value": state})
    key, state = jax.random.key(0), jnp.zeros(())
    return {
        "runner": partial(train, key, method, nothing, STEPS, state=state, chunk=STEPS),
        "loop": plain_loop(key, method, nothing, state, STEPS),
    }
