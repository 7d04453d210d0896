"""Three posteriors over the weights of one network, which has seen a wave without its middle.

Mean-field inference is trained by the runner. Laplace's approximation takes the Gauss-Newton precision at the mode that
Adam finds from other weights, and predicts by the linearised network; Hamiltonian Monte Carlo starts there.
`gap_ratio` is the standard deviation of f(x) in the gap by that on the data (root mean squares; the noise in y is not
counted), `log_likelihood` that of 1,000 held-out y, in nats each; the true wave's is 0.197. `units_mean_field` counts
the hidden units whose output weight has a mean more than two standard deviations from 0; the others do next to nothing.

Run      python -m experiments foundations/bayesian_network_sines
Expect   gap_ratio_mean_field 2.2 ± 0.4 over 5 seeds
         gap_ratio_laplace 3.2 ± 0.6 over 5 seeds
         gap_ratio_hmc 12.5 ± 2 over 5 seeds
         log_likelihood_mean_field -0.096 ± 0.03 over 5 seeds
         log_likelihood_laplace 0.128 ± 0.005 over 5 seeds
         log_likelihood_hmc 0.123 ± 0.01 over 5 seeds
         units_mean_field 4 ± 0.6 over 5 seeds
         acceptance 0.9 ± 0.03 over 5 seeds
Tour     gap_ratio_hmc in [7, 20]
Cost     25 s
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.scipy.stats import norm

from experiments.foundations import _sines
from experiments.task import Result, Task, first_seed
from jaxicon.core.method import Fit, Key
from jaxicon.core.stream import epochs
from jaxicon.foundations.bayesian_network import (
    Config,
    bayesian_network,
    draw,
    forward,
    log_likelihood,
    log_prior,
)
from jaxicon.nn.mlp import mlp
from jaxicon.ops.distributions import mixture
from jaxicon.ops.hmc import chain
from jaxicon.ops.laplace import gauss_newton, linearised

LABELS = {"mean_field": "mean field", "laplace": "Laplace, linearised", "hmc": "Hamiltonian Monte Carlo"}


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(hidden=(16,), prior_std=1.5, noise_std=_sines.NOISE)
    examples: int = 60
    steps: int = 5000
    mode_steps: int = 5000
    transitions: int = 1000  # of the chain; the first third is forgotten
    leaps: int = 150
    step_size: float = 0.005


class Posterior(NamedTuple):
    """Gaussian f(x), or samples of it: mean [b] and standard deviation [b], and log p(y | x) of y [b]."""

    moments: Callable
    log_prob: Callable


def sampled(config: Config, networks) -> Posterior:
    """Weights with a leading axis."""
    outputs = lambda x: jax.vmap(lambda w: forward(w, x)[:, 0])(networks)

    def log_prob(x, y):
        return mixture(jax.vmap(lambda w: log_likelihood(w, x, y, config.noise_std))(networks))

    return Posterior(lambda x: (outputs(x).mean(0), outputs(x).std(0)), log_prob)


def laplace(config: Config, unravel, mode, precision) -> Posterior:
    def moments(x):
        mean, covariance = linearised(lambda w: forward(unravel(w), x)[:, 0], mode, precision)
        return mean, jnp.sqrt(jnp.diag(covariance))

    def log_prob(x, y):
        mean, std = moments(x)
        return norm.logpdf(y[:, 0], mean, jnp.sqrt(std**2 + config.noise_std**2))

    return Posterior(moments, log_prob)


def ascend(log_joint, start, steps: int):
    """The mode of log p(w, D) that Adam finds."""
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-2, steps))

    def step(carry, _):
        w, opt_state = carry
        updates, opt_state = optimizer.update(-jax.grad(log_joint)(w), opt_state)
        return (optax.apply_updates(w, updates), opt_state), None

    return jax.lax.scan(step, (start, optimizer.init(start)), length=steps)[0][0]


def posteriors(key: Key, experiment: Experiment, state: Fit) -> tuple[dict[str, Posterior], jax.Array]:
    """By name; and the chain's probabilities of acceptance."""
    init_key, chain_key, draw_key = jax.random.split(key, 3)
    config, (x, y) = experiment.method, map(jnp.array, _sines.points(0, experiment.examples))
    start, unravel = ravel_pytree(mlp(*config.hidden, 1).init(init_key, x))

    def log_joint(w):
        likelihood = log_likelihood(unravel(w), x, y, config.noise_std).sum()
        return likelihood + log_prior(unravel(w), config.prior_std)

    mode = ascend(log_joint, start, experiment.mode_steps)
    loss = lambda f: ((y[:, 0] - f) ** 2).sum() / (2 * config.noise_std**2)
    curvature = gauss_newton(lambda w: forward(unravel(w), x)[:, 0], loss, mode)
    precision = curvature + jnp.eye(len(mode)) / config.prior_std**2
    leaps, count = experiment.leaps, experiment.transitions
    chained, acceptance = chain(chain_key, log_joint, mode, experiment.step_size, leaps, count)
    return {
        "mean_field": sampled(config, draw(draw_key, state.params, 500)),
        "laplace": laplace(config, unravel, mode, precision),
        "hmc": sampled(config, jax.vmap(unravel)(chained[count // 3 :])),
    }, acceptance


def build(experiment: Experiment) -> Task:
    def measure(key: Key, state: Fit) -> dict:
        found, acceptance = posteriors(key, experiment, state)
        test_x, test_y = map(jnp.array, _sines.points(1, 1000))
        weight, log_std = (state.params[part]["params"]["Dense_1"]["kernel"] for part in ("mean", "log_std"))
        used = abs(weight) > 2 * jnp.exp(log_std)
        metrics = {"acceptance": acceptance.mean(), "units_mean_field": used.sum(dtype=test_x.dtype)}
        for name, posterior in found.items():
            on, gap = (jnp.sqrt((posterior.moments(x)[1] ** 2).mean()) for x in (_sines.ON_DATA, _sines.IN_GAP))
            metrics[f"std_data_{name}"], metrics[f"gap_ratio_{name}"] = on, gap / on
            metrics[f"log_likelihood_{name}"] = posterior.log_prob(test_x, test_y).mean()
        return metrics

    data = _sines.points(0, experiment.examples)
    method = bayesian_network(experiment.method, outputs=1, examples=experiment.examples)
    held_out = epochs(_sines.points(1, 1000), 1000)
    return Task(method, experiment.steps, epochs(data, experiment.examples), held_out, measure=measure, chunk=500)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    @jax.jit
    def moments(key, state):
        found, _ = posteriors(key, result.experiment, state)
        return {name: posterior.moments(jnp.array(_sines.PLACES)) for name, posterior in found.items()}

    found = moments(jax.random.key(0), first_seed(result))
    data = _sines.points(0, result.experiment.examples)
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, (name, label) in zip(panels, LABELS.items(), strict=True):
        _sines.band(axes, *(np.asarray(m) for m in found[name]), data, label)
    panels[0].set_ylabel("y", fontsize=13)
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=12, loc="outside lower center", ncols=3)
    return {"f(x) and what is not known of it, by three posteriors; in the grey middle there were no data": figure}
