"""Neural ODE on the 8x8 digits of scikit-learn: a flow in 64 dimensions, then an affine map and a softmax.

`reverse_error` is the largest error of any pixel of the held-out digits, in [0, 1], when u(1) flows back to time 0
with a tolerance of 1e-6.

Run      python -m experiments ode/neural_ode_digits
Expect   accuracy 0.97 ± 0.015 over 3 seeds
         reverse_error <= 1e-4 in 3 of 3 seeds
Tour     accuracy in [0.94, 1]
Cost     25 s
"""

from dataclasses import dataclass, replace

import jax.numpy as jnp

from experiments.task import Task
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.ode.neural_ode import Config, flow, integrator, neural_ode


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(64,), learning_rate=3e-3)
    steps: int = 400
    batch: int = 128


def build(experiment: Experiment) -> Task:
    (train, test), fine = digits(), integrator(replace(experiment.method, tolerance=1e-6))

    def measure(key, state):
        x, params = jnp.asarray(test[0]), state.params["field"]
        end = flow(fine, params, x)[0]
        return {"reverse_error": abs(flow(fine, params, end, 1.0, 0.0)[0] - x).max()}

    return Task(
        neural_ode(experiment.method, classes=10),
        experiment.steps,
        stream=epochs(train, experiment.batch),
        held_out=epochs(test, 360),
        measure=measure,
    )
