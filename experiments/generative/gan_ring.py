"""Mode collapse: a plain GAN on a ring of eight Gaussians.

Networks, latent dimensions, learning rates and minibatches are those of wgan_gp_ring; one step of the discriminator per
step of the generator is the paper's choice. With three, as there, fewer modes are left, 2.2 on average; with a latent
of two dimensions instead of eight (and one step) nearly all are kept.

Run      python -m experiments generative/gan_ring
Expect   modes 5 ± 1.2 over 5 seeds
Tour     modes in [1, 7]
Cost     30 s
"""

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from experiments.generative import _ring
from experiments.task import Result, Task
from jaxicon.core.stream import synthetic
from jaxicon.data.ring import ring
from jaxicon.generative.gan import Config, gan, non_saturating, saturating


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(learning_rate=3e-3, decay_steps=7000)
    steps: int = 7000
    batch: int = 128  # of the discriminator, at each of its steps


def build(experiment: Experiment) -> Task:
    method = gan(experiment.method)
    return Task(
        method,
        experiment.steps,
        stream=synthetic(partial(ring, count=experiment.batch * experiment.method.critic_steps)),
        held_out=synthetic(partial(ring, count=2500)),
        measure=_ring.measure(method),
        chunk=250,
    )


def losses_figure():
    """The generator's gradient in a logit of the discriminator, for both losses."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes, logits = figure.subplots(), np.linspace(-8, 8, 200)
    for loss, label in ((saturating, "saturating: log(1 - D)"), (non_saturating, "non-saturating: -log D")):
        axes.plot(logits, jax.vmap(jax.grad(lambda x: loss(x[None])))(logits), label=label, linewidth=2.5)
    axes.set_title("The generator's gradient", fontsize=14)
    axes.set_xlabel("logit of D at a sample (left: recognised as fake)", fontsize=13)
    axes.set_ylabel("d loss / d logit", fontsize=13)
    axes.legend(fontsize=12)
    return figure


def figures(result: Result):
    return {
        "2,500 samples of each generator; circles: 3 std around the modes of the data": _ring.samples_figure(result),
        "What reaches the generator through one logit of the discriminator, by loss": losses_figure(),
    }
