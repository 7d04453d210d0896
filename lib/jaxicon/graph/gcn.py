"""Graph convolutional network: classes of all nodes of a graph from those of a few.

Notes    Deep-learning cookbook, GCNN; 6.S191 lecture 6
Paper    Kipf & Welling 2017, arXiv:1609.02907
Systems  graph.gcn graph.gcn_propagation graph.readout_node
Idea     P = D~^-1/2 A~ D~^-1/2 with A~ = A + I and D~ = diag(row sums of A~): neighbours averaged      (1)
         H_1 = relu(P X W_0),  p(class of node i) = softmax(P H_1 W_1)_i                                (2)
         minimise  mean over labelled nodes of -log p(y_i) + lambda/2 |W_0|^2                           (3)
Erratum  the Deep-learning cookbook does not say what A~ and D~ are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import jraph
import numpy as np
import optax
from jax.experimental.sparse import BCOO
from jax.nn.initializers import glorot_uniform
from jaxtyping import Array, Bool, Float

from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.data.graphs import Features, degrees
from jaxicon.ops.bulk import uniform

Params = dict[str, Array]


@dataclass(frozen=True)
class Config:
    hidden: int = 16
    dropout: float = 0.5  # of the features and of the hidden layer
    weight_decay: float = 5e-4  # lambda, of the first layer alone
    learning_rate: float = 0.01


def propagate(graph: jraph.GraphsTuple, h: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """(1): P h, edge by edge; P is never written out."""
    scale = jax.lax.rsqrt(1 + degrees(graph))[:, None]
    scaled = scale * h
    messages = scaled[graph.senders] if graph.edges is None else graph.edges[:, None] * scaled[graph.senders]
    return scale * (scaled + jraph.segment_sum(messages, graph.receivers, h.shape[0]))


def convolve(graph: jraph.GraphsTuple, h: Features, weight: Float[Array, "d k"]) -> Float[Array, "n k"]:
    """P h W, the narrow product first."""
    return propagate(graph, h @ weight)


def dropout(key: Key, rate: float, *sizes: int) -> list[Float[Array, "_"]]:
    """Factors for arrays of so many entries: 0 with probability `rate`, else 1 / (1 - rate)."""
    kept = (uniform(key, (sum(sizes),), 0.0, 1.0) >= rate) / (1 - rate)
    return jnp.split(kept, np.cumsum(sizes)[:-1])


def entries(x: Features) -> Float[Array, "*s"]:
    """All entries of a dense matrix, those that are stored of a sparse one: what dropout is about."""
    return x.data if isinstance(x, BCOO) else x


def scaled(x: Features, factors: Float[Array, "k"]) -> Features:
    """x with its entries multiplied."""
    values = entries(x) * factors.reshape(entries(x).shape)
    return BCOO((values, x.indices), shape=x.shape) if isinstance(x, BCOO) else values


def logits(
    params: Params, graph: jraph.GraphsTuple, factors: Sequence[Float[Array, "_"]] | None = None
) -> Float[Array, "n c"]:
    """(2) up to the softmax; with factors for the entries of X and of H_1, those of dropout."""
    x = scaled(graph.nodes.x, factors[0]) if factors else graph.nodes.x
    hidden = jax.nn.relu(convolve(graph, x, params["first"]))
    return convolve(graph, scaled(hidden, factors[1]) if factors else hidden, params["second"])


def mean_over(chosen: Bool[Array, "n"], values: Float[Array, "n"]) -> Float[Array, ""]:
    return (values * chosen).sum() / jnp.maximum(chosen.sum(), 1)


def gcn(config: Config, classes: int) -> Predictor:
    """A classifier of the nodes of a graph; batches are a GraphsTuple with data.graphs.Nodes, features dense or sparse.

    Metrics: cross-entropy of the labelled nodes, accuracy of the held-out ones.
    """

    def init(key: Key, graph: jraph.GraphsTuple):
        first_key, second_key = jax.random.split(key)
        weight = lambda key, *shape: glorot_uniform()(key, shape)
        first = weight(first_key, graph.nodes.x.shape[-1], config.hidden)
        return {"first": first, "second": weight(second_key, config.hidden, classes)}, ()

    def outcome(graph: jraph.GraphsTuple, scores: Float[Array, "n c"]):
        nodes = graph.nodes
        losses = optax.softmax_cross_entropy_with_integer_labels(scores, nodes.y)
        right = (scores.argmax(-1) == nodes.y).astype(scores.dtype)
        return {"loss": mean_over(nodes.labelled, losses), "accuracy": mean_over(nodes.held_out, right)}

    def loss(key: Key, params: Params, extra, graph: jraph.GraphsTuple):
        x = graph.nodes.x
        factors = dropout(key, config.dropout, entries(x).size, x.shape[0] * config.hidden)
        metrics = outcome(graph, logits(params, graph, factors))
        return metrics["loss"] + config.weight_decay / 2 * (params["first"] ** 2).sum(), (extra, metrics)  # (3)

    def measure(key: Key, params: Params, extra, graph: jraph.GraphsTuple):
        return outcome(graph, logits(params, graph))

    def predict(state: Fit, graph: jraph.GraphsTuple) -> Float[Array, "n c"]:
        """Logits of every node."""
        return logits(state.params, graph)

    return Predictor(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), predict)
