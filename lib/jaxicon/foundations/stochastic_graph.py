"""Stochastic computation graph: networks with sampled nodes, trained by the score function.

Notes    DL4CV lecture 21, slide 97; CS182 §7.3.6
Paper    Schulman, Heess, Weber & Abbeel 2015, arXiv:1506.05254, theorem 1 and equation 10
Systems  found.stochastic_graph
Idea     Q_w = sum of the costs downstream of the sampled node w, held constant                        (1)
         surrogate = sum_c cost_c + sum_w log p(w | parents of w) (Q_w - baseline_w)                     (2)
         E[d surrogate / d theta] = d E[sum_c cost_c] / d theta, if no baseline_w depends on w           (3)
         of k independent samples, the mean cost of the k - 1 others is such a baseline                 (4)
         A cost's own gradient goes through whatever is differentiable, reparametrised noise included.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Fit, Key, Predictor, from_loss
from jaxicon.nn import mlp as nn
from jaxicon.ops.affine import affine
from jaxicon.ops.distributions import categorical_log_prob, mixture
from jaxicon.ops.policy_gradient import mean_of_others

Parents = dict[str, tuple[str, ...]]  # a graph: what each node, or its distribution, is computed from
Baseline = Callable[[Float[Array, "k *b"]], Float[Array, "k *b"]]  # Q_w of k samples -> baseline_w
Batch = tuple[Float[Array, "b d"], Int[Array, "b"]]


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64,)  # binary units of each layer
    samples: int = 8  # of all units, for one example in training
    predictions: int = 32  # samples that predict averages over
    learning_rate: float = 1e-2


def downstream(parents: Parents, node: str) -> set[str]:
    """All that `node` influences, without itself; raises ConfigError where it influences itself."""
    found, edge = set(), {node}
    while edge := {child for child, above in parents.items() if edge & {*above}} - found:
        found |= edge
    if node in found:
        raise ConfigError(f"stochastic_graph: {node!r} is downstream of itself; a graph has no cycles")
    return found


def no_baseline(q: Float[Array, "k *b"]) -> Float[Array, "k *b"]:
    """Zero: every log-probability is multiplied by the costs themselves."""
    return jnp.zeros_like(q)


def leave_one_out(q: Float[Array, "k *b"]) -> Float[Array, "k *b"]:
    """(4): the mean of the others along the first axis; raises ConfigError for k < 2."""
    if q.shape[0] < 2:
        raise ConfigError(f"leave_one_out: {q.shape[0]} sample; expected at least 2, for each needs others")
    return mean_of_others(q, jnp.ones_like(q, bool))


def surrogate(
    parents: Parents,
    costs: dict[str, Float[Array, "k *b"]],
    log_probs: dict[str, Float[Array, "k *b"]],
    baseline: Baseline = no_baseline,
) -> Float[Array, "k *b"]:
    """(2) for each of k samples: its value is the sum of the costs, its gradient estimates that of their mean (3).

    costs, log_probs: by node; log_probs holds log p(w | parents of w) at the sampled, constant value of w
    parents: says which costs each sampled node influences; raises ConfigError for a node that is not in it
    """
    known, constant = {*parents}.union(*parents.values()), jax.lax.stop_gradient
    for name in {*costs, *log_probs} - known:
        raise ConfigError(f"stochastic_graph: node {name!r} is not in the graph{nearest(name, known)}")
    total = sum(costs.values())
    for node, log_prob in log_probs.items():
        reached = downstream(parents, node) & costs.keys()
        if reached:
            q = constant(sum(costs[name] for name in sorted(reached)))  # (1)
            total = total + (log_prob - constant(log_prob)) * (q - baseline(q))  # (2), of value zero
    return total


def layers(params) -> list[dict]:
    """Kernel and bias of each layer, the first first."""
    return [params["params"][f"Dense_{i}"] for i in range(len(params["params"]))]


def bernoulli_log_prob(logits: Float[Array, "*b u"], h: Float[Array, "*b u"]) -> Float[Array, "*b"]:
    """log p(h) of independent units that are 1 with probability sigmoid(logits), else 0."""
    return (h * logits - jax.nn.softplus(logits)).sum(-1)


def draw(key: Key, params, x: Float[Array, "b d"], samples: int) -> list[Float[Array, "k b u"]]:
    """States of the hidden layers: each is drawn given the one before."""
    states, h = [], jnp.broadcast_to(x[None], (samples, *x.shape))
    for i, layer in enumerate(layers(params)[:-1]):
        chance = jax.nn.sigmoid(affine(h, **layer))
        h = jax.random.bernoulli(jax.random.fold_in(key, i), chance).astype(x.dtype)
        states.append(h)
    return states


def objective(
    params, states: list[Float[Array, "k b u"]], batch: Batch, baseline: Baseline
) -> tuple[Float[Array, "k b"], Float[Array, "k b c"]]:
    """(2) of -log p(y | last layer), a chain of sampled layers; and log p(y | last layer) of all classes."""
    x, y = batch
    *hidden, last = layers(params)
    inputs = [jnp.broadcast_to(x[None], (states[0].shape[0], *x.shape)), *states]
    names = [f"h{i}" for i in range(len(states))]
    chances = [bernoulli_log_prob(affine(h, **layer), s) for h, layer, s in zip(inputs, hidden, states, strict=False)]
    log_p = jax.nn.log_softmax(affine(inputs[-1], **last))
    cost = -categorical_log_prob(log_p, jnp.broadcast_to(y[None], log_p.shape[:-1]))
    parents = {child: (parent,) for parent, child in zip(names, [*names[1:], "cost"], strict=True)}
    return surrogate(parents, {"cost": cost}, dict(zip(names, chances, strict=True)), baseline), log_p


def stochastic_graph(config: Config, classes: int, baseline: Baseline = leave_one_out) -> Predictor:
    """A classifier of x [b, d] whose hidden units are random and binary; batches are (x, y), y [b] in 0 .. classes - 1.

    It minimises E[-log p(y | units)], which is at least -log E[p(y | units)], by the gradient (2). Metrics: the former
    is `cost`; `nll` and `accuracy` are those of the mean probability over the samples drawn. predict: its log, over
    `predictions` samples that are always the same.
    """
    positive("stochastic_graph", learning_rate=config.learning_rate, predictions=config.predictions)
    within("stochastic_graph", 2 if baseline is leave_one_out else 1, 10**6, samples=config.samples)
    net = nn.mlp(*config.hidden, classes)

    def init(key: Key, batch):
        ranked("stochastic_graph", 2, x=batch[0])
        return net.init(key, batch[0])

    def loss(key: Key, params, batch: Batch):
        states = draw(key, params, batch[0], config.samples)
        costs, log_p = objective(params, states, batch, baseline)
        mean, cost = mixture(log_p), costs.mean()
        accuracy = (mean.argmax(-1) == batch[1]).mean(dtype=mean.dtype)
        return cost, {"cost": cost, "nll": -categorical_log_prob(mean, batch[1]).mean(), "accuracy": accuracy}

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
        states = draw(jax.random.key(0), state.params, x, config.predictions)
        return mixture(jax.nn.log_softmax(affine(states[-1], **layers(state.params)[-1])))

    return Predictor(*from_loss(init, loss, optax.adam(config.learning_rate)), predict)
