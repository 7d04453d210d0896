"""Cubic ridge regressions of 200 data sets: all at once, in one program; and a loop over one jitted fit.

A step is a data set drawn, 25 points of a sine, and a fit to it, read at 50 points. The keys wait on the device.

Run      python -m experiments bench speed/bias_variance_ridge --repeats 5
Expect   ratio_loop >= 5
Cost     10 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from experiments.foundations.bias_variance_sines import POINTS, Experiment, f, sample
from jaxicon.foundations.bias_variance import Config, Fit, bias_variance, polynomial_ridge

STEPS = 200


def compared(fit: Fit, together: int) -> dict[str, Callable[[], Any]]:
    """STEPS data sets, so many at once, by the method's step in one program; and their fits one after the other."""
    key, draw = jax.random.key(0), sample(Experiment())
    method = bias_variance(Config(together), draw, fit, f(POINTS))

    @jax.jit
    def study(keys):
        return jax.lax.scan(lambda state, key: method.step(key, state, None), method.init(key, None), keys)

    @jax.jit
    def alone(key):
        sample_key, fit_key = jax.random.split(key)
        return fit(fit_key, draw(sample_key))

    keys = [*jax.random.split(key, STEPS)]
    return {
        "study": partial(study, jax.random.split(key, STEPS // together)),
        "loop": lambda: [alone(key) for key in keys],
    }


def candidates():
    return compared(polynomial_ridge(POINTS, 3, Experiment.penalty), together=STEPS)
