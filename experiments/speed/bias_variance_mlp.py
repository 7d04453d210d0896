"""Perceptrons (1-32-1, tanh, 300 steps of Adam) of 200 data sets: 40 at once, one program; and a loop over one fit.

A step is a data set drawn, 25 points of a sine, and a perceptron trained on it. With a second hidden layer most of the
time goes into products that cost the same either way: the factor falls to 1.6 at 32-32 and below 1 at 64-64.

Run      python -m experiments bench speed/bias_variance_mlp --repeats 5
Expect   ratio_loop >= 2
Cost     10 s
"""

from experiments.foundations.bias_variance_sines import POINTS, Experiment
from experiments.speed.bias_variance_ridge import STEPS, compared
from jaxicon.foundations.bias_variance import tanh_network

__all__ = ["STEPS"]


def candidates():
    given = Experiment()
    return compared(tanh_network(POINTS, (given.hidden,), given.learning_rate, given.training), together=40)
