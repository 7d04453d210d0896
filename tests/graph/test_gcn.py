import jax
import jax.numpy as jnp
import jraph
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from jaxicon.core.run import evaluate, train
from jaxicon.data.graphs import Nodes, karate_club, stochastic_block_model, whole
from jaxicon.graph.gcn import Config, convolve, dropout, gcn, logits, propagate


def graph_of(adjacency: np.ndarray, x: np.ndarray, y: np.ndarray, labelled: np.ndarray) -> jraph.GraphsTuple:
    """The graph of a dense matrix A[r, s], with its weights."""
    receivers, senders = np.nonzero(adjacency)
    weights, sizes = adjacency[receivers, senders], (np.array([len(x)]), np.array([len(senders)]))
    graph = jraph.GraphsTuple(Nodes(x, y, labelled, ~labelled), weights, receivers, senders, None, *sizes)
    return jax.tree.map(jnp.asarray, graph)


def example():
    return gcn(Config(hidden=4), 2), whole(karate_club())


def problem(seed: int = 0, count: int = 17):
    """(A, x, y, labelled, params): a weighted directed graph, three classes, random weights."""
    rng = np.random.default_rng(seed)
    adjacency = np.where(rng.uniform(size=(count, count)) < 0.25, rng.uniform(0.5, 2, (count, count)), 0)
    adjacency[3] = 0  # whom nobody calls
    np.fill_diagonal(adjacency, 0)
    params = {"first": jnp.array(rng.normal(size=(5, 4))), "second": jnp.array(rng.normal(size=(4, 3)))}
    return adjacency, rng.normal(size=(count, 5)), rng.integers(0, 3, count), np.arange(count) % 3 == 0, params


def operator(adjacency: np.ndarray) -> np.ndarray:
    """P as a matrix, by the definition."""
    closed = adjacency + np.eye(len(adjacency))
    half = np.diag(closed.sum(1) ** -0.5)
    return half @ closed @ half


def dense_logits(params, adjacency, x):
    p = operator(adjacency)
    return p @ np.maximum(p @ x @ params["first"], 0) @ params["second"]


def gradients(method, graph, params):
    """Of the loss that a step descends: Adam's first moment after one step is a tenth of it."""
    state = jax.jit(method.init)(jax.random.key(0), graph)._replace(params=params)
    after, metrics = jax.jit(method.step)(jax.random.key(1), state, graph)
    return jax.tree.map(lambda m: 10 * m, after.opt_state[0].mu), metrics


@pytest.mark.system("graph.gcn")
def test_layers_equal_dense_matrices(x64):
    adjacency, x, y, labelled, params = problem()
    graph = graph_of(adjacency, x, y, labelled)
    layer = operator(adjacency) @ x @ params["first"]
    np.testing.assert_allclose(convolve(graph, graph.nodes.x, params["first"]), layer, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(logits(params, graph), dense_logits(params, adjacency, x), rtol=1e-12, atol=1e-12)
    unweighted = graph_of((adjacency > 0).astype(float), x, y, labelled)
    np.testing.assert_allclose(
        logits(params, unweighted._replace(edges=None)), dense_logits(params, adjacency > 0, x), rtol=1e-12, atol=1e-12
    )


@pytest.mark.system("graph.gcn", "graph.readout_node")
def test_loss_and_its_gradient_equal_back_propagation_by_hand(x64):
    adjacency, x, y, labelled, params = problem(1)
    p, decay = operator(adjacency), 0.3
    hidden = np.maximum(p @ x @ params["first"], 0)
    scores = p @ hidden @ params["second"]
    distribution = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    error = np.where(labelled[:, None], distribution - np.eye(3)[y], 0) / labelled.sum()
    through = (p.T @ error @ params["second"].T) * (hidden > 0)
    by_hand = {"first": (p @ x).T @ through + decay * params["first"], "second": (p @ hidden).T @ error}

    method = gcn(Config(hidden=4, dropout=0.0, weight_decay=decay), 3)
    found, metrics = gradients(method, graph_of(adjacency, x, y, labelled), params)
    for name in by_hand:
        np.testing.assert_allclose(found[name], by_hand[name], rtol=1e-10, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(metrics["loss"], -np.log(distribution[labelled, y[labelled]]).mean(), rtol=1e-12)
    right = (distribution.argmax(1) == y)[~labelled].mean()
    np.testing.assert_allclose(metrics["accuracy"], right, rtol=1e-12)


@pytest.mark.system("graph.gcn")
def test_nodes_may_come_in_any_order(x64):
    adjacency, x, y, labelled, params = problem(2)
    scores = np.asarray(logits(params, graph_of(adjacency, x, y, labelled)))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(x))
        shuffled = graph_of(adjacency[np.ix_(order, order)], x[order], y[order], labelled[order])
        np.testing.assert_allclose(logits(params, shuffled), scores[order], rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.system("graph.gcn")
def test_padding_changes_nothing(x64):
    adjacency, x, y, labelled, params = problem(3)
    graph = graph_of(adjacency, x, y, labelled)
    padded = jax.tree.map(jnp.asarray, jraph.pad_with_graphs(graph, 25, len(graph.senders) + 30))
    method = gcn(Config(hidden=4, dropout=0.0), 3)
    np.testing.assert_allclose(logits(params, padded)[:17], logits(params, graph), rtol=1e-13)
    ours, theirs = gradients(method, graph, params), gradients(method, padded, params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), ours, theirs)


@pytest.mark.slow
def test_sparse_features_are_dense_ones_whose_zeros_cost_nothing(x64):
    adjacency, x, y, labelled, params = problem(4)
    x = np.where(np.random.default_rng(4).uniform(size=x.shape) < 0.3, x, 0)
    graph = graph_of(adjacency, x, y, labelled)
    sparse = graph._replace(nodes=graph.nodes._replace(x=BCOO.fromdense(graph.nodes.x)))
    assert sparse.nodes.x.data.size == (x != 0).sum()
    np.testing.assert_allclose(logits(params, sparse), dense_logits(params, adjacency, x), rtol=1e-12, atol=1e-12)
    method = gcn(Config(hidden=4, dropout=0.0), 3)
    ours, theirs = gradients(method, graph, params), gradients(method, sparse, params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), ours, theirs)

    one, two = np.flatnonzero(x)[:2]
    factors = np.ones(x.size)
    factors[one], factors[two] = 0, 3
    hidden = jnp.full(17 * 4, 2.0)  # doubles every logit
    expected = 2 * dense_logits(params, adjacency, x * factors.reshape(x.shape))
    np.testing.assert_allclose(logits(params, graph, (jnp.array(factors), hidden)), expected, rtol=1e-12, atol=1e-12)
    stored = jnp.array(factors[np.flatnonzero(x)])
    np.testing.assert_allclose(logits(params, sparse, (stored, hidden)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.system("graph.gcn_propagation")
def test_propagation_is_a_mean_with_eigenvalues_above_minus_one_up_to_one(x64):
    club = karate_club()
    p = np.asarray(propagate(club, jnp.eye(34)))
    np.testing.assert_allclose(p, p.T, atol=1e-15)
    values = np.linalg.eigvalsh(p)
    assert values[0] > -1
    assert values[-2] < 1 - 1e-3
    np.testing.assert_allclose(values[-1], 1, rtol=1e-12)
    adjacency = np.zeros((34, 34))
    adjacency[club.receivers, club.senders] = 1
    np.testing.assert_allclose(p, operator(adjacency), atol=1e-15)


@pytest.mark.system("graph.gcn_propagation")
def test_repeated_propagation_leaves_the_top_eigenvector_alone(x64, key):
    club = karate_club()
    top = np.sqrt(1 + np.bincount(club.receivers))  # D~^1/2 1, P top = top
    top = top / np.linalg.norm(top)
    second = np.sort(abs(np.linalg.eigvalsh(np.asarray(propagate(club, jnp.eye(34))))))[-2]
    h = start = jax.random.normal(key, (34, 3))
    for k in range(1, 101):
        h = propagate(club, h)
        rest = np.linalg.norm(h - np.outer(top, top @ start), axis=0)
        assert (rest <= second**k * np.linalg.norm(start, axis=0) * (1 + 1e-9)).all(), k
    assert (rest < 1e-4).all()
    assert (abs(top @ np.asarray(h)) > 0.05).all()


def test_dropout_keeps_the_mean_and_drops_each_layer_apart(x64, key):
    first, second = (f.reshape(2000, -1) for f in dropout(key, 0.3, 2000 * 4, 2000 * 6))
    assert (first.shape[1], second.shape[1]) == (4, 6)
    for factors in (first, second):
        np.testing.assert_allclose(np.unique(factors), [0, 1 / 0.7])
        np.testing.assert_allclose(factors.mean(), 1, atol=4.5 * np.sqrt(0.3 / 0.7 / factors.size))
    together = np.corrcoef(np.concatenate([first, second], 1).T) - np.eye(10)
    assert abs(together).max() < 4.5 / np.sqrt(2000)


def test_only_training_drops(key):
    method = gcn(Config(hidden=4, dropout=0.9), 2)
    club = jax.tree.map(jnp.asarray, karate_club())
    state, step, evaluate = jax.jit(method.init)(key, club), jax.jit(method.step), jax.jit(method.evaluate)
    a, b = (step(jax.random.key(i), state, club)[1]["loss"] for i in (1, 2))
    assert a != b
    a, b = (evaluate(jax.random.key(i), state, club)["loss"] for i in (3, 4))
    assert a == b


@pytest.mark.slow
@pytest.mark.system("graph.gcn", "graph.readout_node")
def test_four_labels_divide_the_karate_club(key):
    keys = jax.random.split(key, 5)
    method, stream = gcn(Config(), 2), whole(karate_club((0, 1, 32, 33)))
    state, _ = train(keys, method, stream, 200)
    measured = evaluate(jax.random.clone(keys), method, state, stream, 1)
    assert (measured["accuracy"] > 0.9).all()
    club = jax.tree.map(jnp.asarray, karate_club())
    scores = method.predict(jax.tree.map(lambda a: a[0], state), club)
    assert (scores.argmax(1) == club.nodes.y).sum() >= 32


def test_blocks_are_found_that_features_hide(key):
    graph_key, run_key = jax.random.split(key)
    graph = jax.jit(stochastic_block_model)(graph_key)
    method = gcn(Config(), 2)
    state, _ = train(jax.random.split(run_key, 3), method, whole(graph), 200)
    measured = evaluate(jax.random.split(jax.random.key(9), 3), method, state, whole(graph), 1)
    alone = ((graph.nodes.x[:, 0] < graph.nodes.x[:, 1]) == graph.nodes.y)[: graph.n_node[0]].mean()
    assert alone < 0.85
    assert (measured["accuracy"] >= 0.95).all()
