import jax
import jax.numpy as jnp
import jraph
import networkx
import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.core.run import parts
from jaxicon.data.graphs import Nodes, degrees, karate_club, one_per_run, stochastic_block_model


def directed(seed: int, count: int = 9) -> tuple[networkx.DiGraph, jraph.GraphsTuple]:
    """A weighted directed graph, for networkx and for us."""
    rng = np.random.default_rng(seed)
    reference = networkx.gnp_random_graph(count, 0.4, seed, directed=True)
    for _, _, data in reference.edges(data=True):
        data["weight"] = rng.uniform(0.5, 2)
    senders, receivers = np.array(reference.edges).T
    mask = np.ones(count, bool)
    nodes = Nodes(rng.normal(size=(count, 3)), rng.integers(0, 2, count), mask, mask)
    weights = np.array([w for *_, w in reference.edges.data("weight")])
    sizes = np.array([count]), np.array([len(weights)])
    return reference, jraph.GraphsTuple(nodes, weights, receivers, senders, None, *sizes)


@pytest.mark.system("graph.representation")
def test_degrees_are_those_of_networkx(x64):
    reference, graph = directed(0)
    np.testing.assert_allclose(degrees(graph), [reference.in_degree(i, "weight") for i in range(9)], rtol=1e-14)
    club = networkx.karate_club_graph()
    np.testing.assert_array_equal(degrees(karate_club()), [club.degree(i) for i in range(34)])


@pytest.mark.system("graph.representation")
def test_a_batch_is_its_graphs_and_padding_is_nothing(x64):
    graphs = [directed(1)[1], directed(2, 5)[1]]
    together = jraph.batch_np(graphs)
    padded = jraph.pad_with_graphs(together, 20, 60, 4)
    apart = np.concatenate([degrees(graph) for graph in graphs])
    np.testing.assert_array_equal(degrees(together), apart)
    np.testing.assert_array_equal(degrees(padded)[:14], apart)
    assert not (padded.nodes.labelled | padded.nodes.held_out)[14:].any()


def test_karate_club_is_the_club_of_1977():
    graph = karate_club((0, 2, 33))
    pairs = set(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True))
    assert len(pairs) == 156
    assert pairs == {(j, i) for i, j in pairs}
    assert pairs == {(i, j) for a, b in networkx.karate_club_graph().edges for i, j in ((a, b), (b, a))}
    assert np.bincount(graph.nodes.y).tolist() == [17, 17]
    assert graph.nodes.y[[0, 33]].tolist() == [0, 1]
    assert np.flatnonzero(graph.nodes.labelled).tolist() == [0, 2, 33]
    assert (graph.nodes.labelled != graph.nodes.held_out).all()


def test_block_model_has_its_densities_and_centres(x64, key):
    sizes = dict(blocks=3, size=60, inside=0.2, outside=0.05, features=4, distance=3.0, labelled=7)
    sample = jax.jit(lambda key: stochastic_block_model(key, **sizes))
    graphs = [jraph.unpad_with_graphs(sample(k)) for k in jax.random.split(key, 20)]
    found, means = np.zeros((3, 3)), np.zeros((3, 4))
    for graph in graphs:
        adjacency = np.zeros((180, 180), int)
        np.add.at(adjacency, (graph.receivers, graph.senders), 1)
        assert (adjacency == adjacency.T).all()
        assert adjacency.max() == 1
        assert adjacency.trace() == 0
        found += adjacency.reshape(3, 60, 3, 60).sum((1, 3))
        means += np.stack([graph.nodes.x[graph.nodes.y == block].mean(0) for block in range(3)])
        assert np.bincount(graph.nodes.y[graph.nodes.labelled]).tolist() == [7, 7, 7]
        assert (graph.nodes.held_out != graph.nodes.labelled).all()
    for i in range(3):
        for j in range(i + 1):
            pairs, p = 20 * (60 * 59 / 2 if i == j else 3600), 0.2 if i == j else 0.05
            count = found[i, j] / (2 if i == j else 1)
            assert abs(count - pairs * p) < 4.5 * np.sqrt(pairs * p * (1 - p))
    centres = means / 20
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(gaps, 3, atol=4.5 * np.sqrt(2 / 1200))


def test_edges_that_lack_lead_from_padding_to_padding(key):
    graph = jax.jit(lambda key: stochastic_block_model(key, size=20))(key)
    assert graph.n_node.tolist() == [40, 1]
    assert (graph.senders[graph.n_edge[0] :] == 40).all()
    assert (graph.receivers[graph.n_edge[0] :] == 40).all()
    assert graph.senders[: graph.n_edge[0]].max() < 40
    assert graph.n_edge[1] > 0


def test_too_few_features_are_named(key):
    with pytest.raises(DataError, match="3 centres need as many features; got 2"):
        stochastic_block_model(key, blocks=3, features=2)


def test_a_run_has_one_graph_of_its_own(key):
    sample = jax.jit(lambda key: stochastic_block_model(key, size=20))
    stream = one_per_run(sample)
    rows = stream.plan(parts(key)[1], jnp.arange(3), ())
    expected = sample(parts(jax.random.clone(key))[1])
    for row in range(3):
        batch = stream.draw(jax.tree.map(lambda a: a[row], rows), ())
        assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), batch, expected))
