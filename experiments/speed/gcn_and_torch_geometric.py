"""A graph convolutional network on a random graph of Cora's size, the whole graph a step: ours in the runner, and PyG.

2708 nodes, 5278 undirected edges, 140 labels of 7 classes, 1433 features of which 1.27 % are not zero. Both sides drop
half of the features and of the hidden layer. PyTorch Geometric's layers keep the normalised edges, and its features
are sparse too: dense ones take it eight times as long.

Run      python -m experiments bench speed/gcn_and_torch_geometric
Expect   ratio_torch_1 >= 2.5
         ratio_torch_2 >= 2.5
Cost     60 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jraph
import numpy as np
from jax.experimental.sparse import BCOO

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.data.graphs import Nodes, whole
from jaxicon.graph.gcn import Config, gcn

STEPS = 100
CONFIG = Config()
NODES, EDGES, FEATURES, CLASSES, LABELLED = 2708, 5278, 1433, 7, 140


def graph() -> jraph.GraphsTuple:
    """Edges, features and classes at random; the rows of the features sum to one. Features are dense."""
    draw = np.random.default_rng(0)
    pairs = draw.choice(NODES * (NODES - 1) // 2, EDGES, replace=False)
    ends = np.stack(np.triu_indices(NODES, 1))[:, pairs]
    senders, receivers = np.concatenate([ends, ends[::-1]], axis=1).astype(np.int32)
    x = (draw.random((NODES, FEATURES)) < 0.0127).astype(np.float32)
    known = np.zeros(NODES, bool)
    known[draw.choice(NODES, LABELLED, replace=False)] = True
    nodes = Nodes(x / np.maximum(x.sum(1, keepdims=True), 1), draw.integers(CLASSES, size=NODES), known, ~known)
    sizes = np.array([NODES]), np.array([2 * EDGES])
    return jraph.GraphsTuple(nodes, None, receivers, senders, None, *sizes)


def network() -> Any:
    """What `gcn` trains, as PyTorch Geometric has it."""
    torch, convolution = peer("torch"), peer("torch_geometric.nn").GCNConv
    dropout = torch.nn.functional.dropout

    class GCN(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = convolution(FEATURES, CONFIG.hidden, cached=True)
            self.second = convolution(CONFIG.hidden, CLASSES, cached=True)

        def forward(self, x, edges):
            kept = dropout(x.values(), CONFIG.dropout)
            x = torch.sparse_coo_tensor(x.indices(), kept, x.shape, is_coalesced=True)
            hidden = self.first(x, edges).relu()
            return self.second(dropout(hidden, CONFIG.dropout), edges)

    return GCN()


def eager(graph: jraph.GraphsTuple) -> Callable[[], Any]:
    """Training by Adam, whose fused form is the fastest on a CPU."""
    torch, net, nodes = peer("torch"), network(), graph.nodes
    x, y, known = map(torch.tensor, (nodes.x, nodes.y, np.flatnonzero(nodes.labelled)))
    sparse = x.to_sparse().coalesce()
    edges = torch.tensor(np.stack([graph.senders, graph.receivers])).long()
    first = {"params": net.first.parameters(), "weight_decay": CONFIG.weight_decay}
    optimizer = torch.optim.Adam([first, {"params": net.second.parameters()}], CONFIG.learning_rate, fused=True)

    def unit():
        losses = []
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(net(sparse, edges)[known], y[known])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return unit


def candidates():
    dense, key, method = graph(), jax.random.key(0), gcn(CONFIG, CLASSES)
    stream = whole(dense._replace(nodes=dense.nodes._replace(x=BCOO.fromdense(dense.nodes.x))))
    state = fresh(key, method, stream)
    ours = partial(train, key, method, stream, STEPS, state=state, chunk=STEPS)
    return {"ours": ours} | by_threads("torch", eager(dense))
