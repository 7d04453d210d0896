"""Stochastic maximum likelihood on binary 8x8 digits, at the settings of scikit-learn's BernoulliRBM.

As rbm_digits, but with persistent chains and without momentum. BernoulliRBM with the same 128 units, rate, batches and
number of steps reaches a pseudo-likelihood of -13.8 and a log-likelihood of -22.1, with standard deviations of 0.5 and
1.7 over five seeds. At so high a rate the model runs away from its chains, up and down: half the rate in batches of 100
ends at a log-likelihood of -18.0.

Run      python -m experiments foundations/rbm_persistent_digits
Expect   pseudo_likelihood -13.8 ± 0.5 over 5 seeds
         log_likelihood -21.5 ± 2.5 over 5 seeds
Tour     pseudo_likelihood in [-14.8, -12.8]
Cost     10 s
"""

from dataclasses import dataclass

from experiments.foundations import rbm_digits as base
from experiments.task import Result, Task
from jaxicon.foundations.rbm import Config, persistent_rbm


@dataclass(frozen=True)
class Experiment(base.Experiment):
    method: Config = Config(hidden=128, momentum=0.0, weight_decay=0.0)


def build(experiment: Experiment) -> Task:
    return base.task(experiment, persistent_rbm)


def figures(result: Result) -> dict:
    return base.figures(result)
