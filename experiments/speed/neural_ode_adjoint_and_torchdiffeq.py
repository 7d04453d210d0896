"""A neural ODE in 64 dimensions (f 65-128-64, tanh, batch 64, dopri5 to 1e-3), by the adjoint equation.

Run      python -m experiments bench speed/neural_ode_adjoint_and_torchdiffeq
Expect   ratio_torch_1 >= 4
         ratio_torch_2 >= 4
Cost     60 s
"""

from experiments.speed.neural_ode_and_torchdiffeq import STEPS, against_torchdiffeq
from jaxicon.ode.neural_ode import backwards_in_time

__all__ = ["STEPS"]


def candidates():
    return against_torchdiffeq(backwards_in_time, "odeint_adjoint")
