"""Deep belief network: restricted Boltzmann machines trained one upon the other, then fine-tuned as a classifier.

Notes    RL & DL notebook U3
Paper    Hinton, Osindero & Teh 2006, Neural Computation 18; Bengio et al. 2007 for fine-tuning by back-propagation
Systems  found.dbn
Idea     layer l is a machine of h_l-1 and h_l; it learns while those below it rest, from samples h_l-1 of p(h_l-1 | x),
         where h_0 ~ x and p(h_l | h_l-1) = sigmoid(b_l + h_l-1 W_l);  after `pretraining` steps, the next learns    (1)
         afterwards  p(y | x) = softmax(c + V m_L),  m_l = sigmoid(b_l + m_l-1 W_l),  m_0 = x,  descends the
         cross-entropy in all W, b, V, c, which begin as the machines' and, V and c, as zero                         (2)
         the generative model: Gibbs steps of the machine on top, then sampling downwards                            (3)
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.nn import sigmoid
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key, Metrics, Predictor
from jaxicon.foundations import rbm as base
from jaxicon.ops.bulk import uniform


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (128, 128)
    pretraining: int = 3000  # steps of each layer
    pretraining_rate: float = 0.05
    momentum: float = 0.9  # of the machines
    weight_decay: float = 2e-4  # of the machines
    learning_rate: float = 1e-3  # of fine-tuning, by Adam


class Layer(NamedTuple):
    weights: Float[Array, "v h"]
    bias: Float[Array, "h"]


class State(NamedTuple):
    t: Int[Array, ""]
    machines: tuple[base.State, ...]  # as pretraining left them
    network: tuple[Layer, ...]  # that of (2), the softmax last
    opt_state: optax.OptState


def draw(key: Key, p: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """Zeros and ones; p is the probability of a one."""
    return (uniform(key, p.shape, 0.0, 1.0) < p).astype(p.dtype)


def upwards(key: Key, machines: tuple[base.State, ...], x: Float[Array, "b d"]) -> Float[Array, "b h"]:
    """A sample of the hidden units of the last machine, by way of samples of x and of all units between (1)."""
    h = draw(jax.random.fold_in(key, 0), x)
    for i, machine in enumerate(machines):
        h = draw(jax.random.fold_in(key, i + 1), sigmoid(base.hidden_input(machine.params, h)))
    return h


def generate(key: Key, machines: tuple[base.State, ...], count: int, sweeps: int = 1000) -> Float[Array, "n d"]:
    """(3): probabilities of the visible units, given samples of the layer above them."""
    top_key, down_key = jax.random.split(key)
    *below, top = machines
    p = base.gibbs(top_key, top.params, jnp.full((count, top.chains.shape[1]), 0.5, top.chains.dtype), sweeps)
    for i, machine in enumerate(reversed(below)):
        p = sigmoid(base.visible_input(machine.params, draw(jax.random.fold_in(down_key, i), p)))
    return p


def recognition(machines: tuple[base.State, ...]) -> tuple[Layer, ...]:
    """The layers that begin as the machines' way up."""
    return tuple(Layer(machine.params.weights, machine.params.hidden_bias) for machine in machines)


def forward(network: tuple[Layer, ...], x: Float[Array, "b d"]) -> Float[Array, "b c"]:
    """Logits of (2)."""
    *layers, head = network
    for layer in layers:
        x = sigmoid(x @ layer.weights + layer.bias[None])
    return x @ head.weights + head.bias[None]


def cross_entropy(
    network: tuple[Layer, ...], x: Float[Array, "b d"], y: Int[Array, "b"]
) -> tuple[Float[Array, ""], Metrics]:
    """Mean over the rows with a label, those with y >= 0; zero where there are none."""
    logits, labelled = forward(network, x), y >= 0
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(y, 0))
    mean = lambda values: jnp.where(labelled, values, 0).sum(dtype=x.dtype) / jnp.maximum(labelled.sum(), 1)
    return mean(losses), {"loss": mean(losses), "accuracy": mean(logits.argmax(-1) == y)}


def dbn(config: Config, classes: int) -> Predictor:
    """A classifier of x [b, d] in [0, 1] into `classes`; batches are (x, y), y [b] in 0 .. classes - 1 or -1: no label.

    Steps 0 .. L * pretraining train the L machines, each for `pretraining` steps, and need no labels; all later ones
    fine-tune. The metric pseudo_likelihood_l is of the l-th machine, in nats. Raises ConfigError for bad numbers.
    """
    if not config.hidden or config.pretraining < 0:
        raise ConfigError(
            f"dbn: {config.hidden=}, {config.pretraining=}; expected at least one layer, and no step less"
        )
    positive("dbn", learning_rate=config.learning_rate, classes=classes)
    rates = dict(learning_rate=config.pretraining_rate, momentum=config.momentum, weight_decay=config.weight_decay)
    methods = [base.rbm(base.Config(hidden=size, **rates)) for size in config.hidden]
    optimizer = optax.adam(config.learning_rate)

    def init(key: Key, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]) -> State:
        x, _ = batch
        ranked("dbn", 2, x=x)
        machines = ()
        for i, method in enumerate(methods):
            machines += (method.init(jax.random.fold_in(key, i), x),)
            x = jnp.zeros((x.shape[0], config.hidden[i]), x.dtype)
        head = Layer(jnp.zeros((x.shape[1], classes), x.dtype), jnp.zeros(classes, x.dtype))
        network = (*recognition(machines), head)
        return State(jnp.int32(0), machines, network, optimizer.init(network))

    def pretrain(i: int, words: Array, state: State, batch) -> State:
        sample_key, step_key = jax.random.split(jax.random.wrap_key_data(words))
        h = upwards(sample_key, state.machines[:i], batch[0])
        machine, _ = methods[i].step(step_key, state.machines[i], h)
        machines = (*state.machines[:i], machine, *state.machines[i + 1 :])
        return state._replace(machines=machines, network=(*recognition(machines), state.network[-1]))

    def fine_tune(words: Array, state: State, batch) -> State:
        grads = jax.grad(cross_entropy, has_aux=True)(state.network, *batch)[0]
        updates, opt_state = optimizer.update(grads, state.opt_state)
        return state._replace(network=optax.apply_updates(state.network, updates), opt_state=opt_state)

    def step(key: Key, state: State, batch) -> tuple[State, Metrics]:
        phases = [*(partial(pretrain, i) for i in range(len(methods))), fine_tune]
        phase = jnp.minimum(state.t // config.pretraining, len(methods)) if config.pretraining else len(methods)
        metrics = cross_entropy(state.network, *batch)[1]
        words = jax.random.key_data(key)  # vmap selects among the arguments of the phases, and cannot among keys
        state = jax.lax.switch(phase, phases, words, state, batch)
        return state._replace(t=state.t + 1), metrics

    def evaluate(key: Key, state: State, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]) -> Metrics:
        metrics = cross_entropy(state.network, *batch)[1]
        for i, machine in enumerate(state.machines):
            h = upwards(jax.random.fold_in(key, i), state.machines[:i], batch[0])
            metrics[f"pseudo_likelihood_{i + 1}"] = base.pseudo_likelihood(machine.params, h).mean()
        return metrics

    def predict(state: State, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
        """Logits: log p(y | x) up to a constant."""
        return forward(state.network, x)

    return Predictor(init, step, evaluate, predict)
