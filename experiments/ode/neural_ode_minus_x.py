"""What a neural ODE cannot do: g(x) = -x on a line, where trajectories would have to cross.

A flow on a line keeps the order of its points. On 21 even points in [-1, 1] no map that does has a squared error below
22 / 60 = 0.36667, that of the constant 0; training crawls there from above. augmented_neural_ode_minus_x solves it.

Run      python -m experiments ode/neural_ode_minus_x
Expect   loss 0.3668 ± 0.0003 over 5 seeds
         excess >= -1e-5 in 5 of 5 seeds
Tour     loss in [0.3666, 0.37] with --steps 500
Cost     20 s
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.ode._trajectories import BOUND, COUNT, GRID, over_time
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import epochs
from jaxicon.ode.neural_ode import Config, integrator, neural_ode, trajectory


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(32, 32), learning_rate=3e-3)
    steps: int = 1000


def build(experiment: Experiment) -> Task:
    method, stream = neural_ode(experiment.method), epochs((GRID, -GRID), COUNT)
    excess = lambda key, state: {"excess": ((method.predict(state, jnp.asarray(GRID)) + GRID) ** 2).mean() / BOUND - 1}
    return Task(method, experiment.steps, stream=stream, held_out=stream, measure=excess)


def figures(result: Result):
    from matplotlib.figure import Figure

    times, params = np.linspace(0, 1, 101, dtype=np.float32), first_seed(result).params["field"]
    paths = np.asarray(trajectory(integrator(result.experiment.method), params, GRID, times))[:, :, 0]
    figure = Figure(figsize=(6.4, 5), layout="constrained")
    axes = figure.subplots()
    over_time(axes, times, paths)
    axes.set_title(
        f"Loss {result.metrics['loss'][0]:.4f}, bound {BOUND:.4f}:\nmeeting at 0 is the best without crossing",
        fontsize=14,
    )
    return {"Trajectories of the 21 points under the learned flow": figure}
