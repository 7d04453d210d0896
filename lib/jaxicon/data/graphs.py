"""Graphs with a class for every node: Zachary's karate club, and random graphs of blocks.

An edge s -> r of weight w is A[r, s] = w: r hears s; an undirected edge is two. `edges` are the weights, None if all 1.

Notes    Deep-learning cookbook, Graph Neural Networks
Systems  graph.representation
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jraph
import networkx
import numpy as np
from jax.experimental.sparse import BCOO
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.errors import DataError
from jaxicon.core.method import Key
from jaxicon.core.stream import Stream, placed

Features = Array | BCOO  # dense, or sparse where most are zero, as words of a text are


class Nodes(NamedTuple):
    """Node data of a GraphsTuple; nodes that only pad a batch are False in both masks."""

    x: Features  # [n, d]
    y: Int[Array, "n"]  # class
    labelled: Bool[Array, "n"]  # whether training knows the class
    held_out: Bool[Array, "n"]  # whether the accuracy counts the node


def degrees(graph: jraph.GraphsTuple) -> Float[Array, "n"]:
    """The row sums of A: the weight of the edges that come in."""
    count = graph.nodes.y.shape[0]
    weights = jnp.ones(graph.receivers.shape) if graph.edges is None else graph.edges
    return jraph.segment_sum(weights, graph.receivers, count)


def karate_club(labelled: tuple[int, ...] = (0, 33)) -> jraph.GraphsTuple:
    """34 members, 78 friendships, two factions; y = 0 follows the instructor, node 0, y = 1 the administrator, node 33.

    The features tell the nodes apart and nothing else: x is the identity.
    """
    club = networkx.karate_club_graph()
    known = np.isin(np.arange(34), labelled)
    one_way = np.array(club.edges, np.int32)
    senders, receivers = np.concatenate([one_way, one_way[:, ::-1]]).T
    y = np.array([club.nodes[i]["club"] != "Mr. Hi" for i in range(34)], np.int32)
    return jraph.GraphsTuple(
        nodes=Nodes(np.eye(34, dtype=np.float32), y, known, ~known),
        edges=None,
        senders=senders,
        receivers=receivers,
        globals=None,
        n_node=np.array([34], np.int32),
        n_edge=np.array([156], np.int32),
    )


def stochastic_block_model(
    key: Key,
    blocks: int = 2,
    size: int = 100,
    inside: float = 0.1,
    outside: float = 0.01,
    features: int = 8,
    distance: float = 1.5,
    labelled: int = 10,
) -> jraph.GraphsTuple:
    """Two nodes are friends with probability `inside` in one block, else `outside`; `labelled` nodes a block are known.

    Features are standard normal around the block's centre; two centres are `distance` apart, so that the features alone
    tell two blocks apart with probability Phi(distance / 2). A second graph of one node holds the edges that lack to a
    fixed number, eight standard deviations above the mean. Raises DataError for fewer features than blocks.
    """
    if features < blocks:
        raise DataError(f"stochastic_block_model: {blocks} centres need as many features; got {features}")
    edge_key, x_key = jax.random.split(key)
    count = blocks * size
    y = jnp.repeat(jnp.arange(blocks), size)
    probability = jnp.where(y[:, None] == y[None], inside, outside)
    above = jnp.triu(jax.random.bernoulli(edge_key, probability), 1)
    within, across = blocks * math.comb(size, 2), math.comb(blocks, 2) * size**2
    mean = within * inside + across * outside
    variance = within * inside * (1 - inside) + across * outside * (1 - outside)
    room = 2 * min(math.ceil(mean + 8 * variance**0.5), within + across)
    receivers, senders = jnp.nonzero(above | above.T, size=room, fill_value=count)
    x = distance / 2**0.5 * jnp.eye(blocks, features)[y] + jax.random.normal(x_key, (count, features))
    known = jnp.tile(jnp.arange(size) < labelled, blocks)
    edges = 2 * above.sum(dtype=int)
    return jraph.GraphsTuple(
        nodes=jax.tree.map(lambda a: jnp.concatenate([a, jnp.zeros_like(a[:1])]), Nodes(x, y, known, ~known)),
        edges=None,
        senders=senders,
        receivers=receivers,
        globals=None,
        n_node=jnp.array([count, 1]),
        n_edge=jnp.stack([edges, room - edges]),
    )


def whole(graph: jraph.GraphsTuple) -> Stream:
    """The graph as the batch of every step."""
    return Stream(placed(graph), lambda key, ts, graph: ts, lambda t, graph: graph)


def one_per_run(sample: Callable[[Key], jraph.GraphsTuple]) -> Stream:
    """sample(key) with the data key of the run, core/run.py's parts(key)[1], as the batch of every step."""

    def plan(key, ts, arrays):
        return jax.tree.map(lambda a: jnp.broadcast_to(a[None], (ts.shape[0], *a.shape)), sample(key))

    return Stream(lambda t0, n: (), plan, lambda graph, arrays: graph)
