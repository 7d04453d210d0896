"""Snapshot ensemble: the ends of the last cycles of one descent, as the members of an ensemble or as one mean model.

Notes    CS182 §4.6.3
Paper    Huang, Li, Pleiss, Liu, Hopcroft & Weinberger 2017, arXiv:1704.00109, equation 2; Polyak & Juditsky 1992 and
         Izmailov, Podoprikhin, Garipov, Vetrov & Wilson 2018, arXiv:1803.05407 for (3)
Systems  ens.snapshot ens.weight_average
Idea     rate(t) = learning_rate / 2 (cos(pi (t mod cycle) / cycle) + 1),  t = 0, 1, ...                  (1)
         p(y | x) = 1/S sum_k p(y | x, theta_k),  theta_k the parameters after step k * cycle             (2)
         or one model with the parameters  1/S sum_k theta_k                                         (3)
         A model that is linear in its parameters has the mean output at the mean parameters.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Fit, Key, Metrics, Predictor, from_loss
from jaxicon.foundations.ensemble import average, nll, scores
from jaxicon.nn.network import Network

Batch = tuple[Float[Array, "b ..."], Int[Array, "b"]]


@dataclass(frozen=True)
class Config:
    """A run has cycle * snapshots steps, or any greater multiple of the cycle."""

    cycle: int = 400  # steps from one restart of the rate to the next
    snapshots: int = 6
    learning_rate: float = 0.1  # after a restart
    momentum: float = 0.9


class State(NamedTuple):
    fit: Fit
    snapshots: Any  # parameters with a leading axis; cycle k has place k % snapshots
    t: Int[Array, ""]  # steps taken


def rate(config: Config, t: Int[Array, "*n"]) -> Float[Array, "*n"]:
    """(1), of the step after t steps."""
    return config.learning_rate / 2 * (jnp.cos(jnp.pi * (t % config.cycle) / config.cycle) + 1)


def mean_params(snapshots: Any) -> Any:
    """(3): leaf by leaf over the leading axis."""
    return jax.tree.map(lambda x: x.mean(0), snapshots)


def recorded(config: Config, snapshots: Any, params: Any, t: Int[Array, ""]) -> Any:
    """The snapshots, with the parameters after step t = 1, 2, ... in the places of this cycle and of those to come.

    So a place holds the end of its cycle once this is over, and at any time all places hold something to predict with.
    """
    cycle, place = (t - 1) // config.cycle, jnp.arange(config.snapshots)
    present = (place == cycle % config.snapshots) | (place > cycle)
    return jax.tree.map(lambda s, p: jnp.where(present.reshape(-1, *[1] * p.ndim), p[None], s), snapshots, params)


def snapshot_ensemble(config: Config, network: Network) -> Predictor:
    """A classifier by a network of x [b, ...] -> logits [b, c]; batches are (x, y); predict: log of (2).

    evaluate: the `scores` of the ensemble (2); of the mean model (3) mean_params_nll and mean_params_accuracy; of the
    present parameters last_nll and last_accuracy.
    """
    positive("snapshot_ensemble", cycle=config.cycle, snapshots=config.snapshots, learning_rate=config.learning_rate)
    within("snapshot_ensemble", 0, 1, momentum=config.momentum)

    def loss(key: Key, params, batch: Batch):
        value = nll(jax.nn.log_softmax(network.apply(params, batch[0])), batch[1]).mean()
        return value, {"loss": value}

    descent = optax.sgd(lambda t: rate(config, t), momentum=config.momentum)
    learner = from_loss(lambda key, batch: network.init(key, batch[0]), loss, descent)

    def init(key: Key, batch: Batch) -> State:
        fit = learner.init(key, batch)
        copies = jax.tree.map(lambda p: jnp.repeat(p[None], config.snapshots, 0), fit.params)
        return State(fit, copies, jnp.int32(0))

    def step(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        fit, metrics = learner.step(key, state.fit, batch)
        t = state.t + 1
        return State(fit, recorded(config, state.snapshots, fit.params, t), t), metrics

    def logits(snapshots, x: Float[Array, "b ..."]) -> Float[Array, "s b c"]:
        return jax.vmap(network.apply, (0, None))(snapshots, x)

    def evaluate(key: Key, state: State, batch: Batch) -> Metrics:
        x, y = batch
        metrics = scores(logits(state.snapshots, x), y)
        for name, params in {"mean_params": mean_params(state.snapshots), "last": state.fit.params}.items():
            single = network.apply(params, x)
            metrics[f"{name}_nll"] = nll(jax.nn.log_softmax(single), y).mean()
            metrics[f"{name}_accuracy"] = (single.argmax(-1) == y).mean(dtype=single.dtype)
        return metrics

    return Predictor(init, step, evaluate, lambda state, x: average(logits(state.snapshots, x)))
