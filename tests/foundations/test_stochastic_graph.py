"""The surrogate's gradient against that of the expected cost, both summed over every outcome: no sampling error.

`both` sums probability times gradient of the surrogate over all outcomes; the other side differentiates the sum of
probability times cost, which knows nothing of score functions.
"""

from itertools import product

import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest
from scipy.special import expit, log_softmax

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import resident, synthetic
from jaxicon.foundations.stochastic_graph import (
    Config,
    downstream,
    draw,
    leave_one_out,
    no_baseline,
    objective,
    stochastic_graph,
    surrogate,
)

TINY = Config(hidden=(2, 2), samples=4, predictions=8, learning_rate=1e-2)


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    return stochastic_graph(TINY, classes=3), stream


def both(theta, outcomes, probability, cost, estimate):
    """(sum of probability times d estimate, d of the sum of probability times cost) over the outcomes."""
    estimates = [probability(theta, w) * jax.grad(estimate)(theta, w) for w in outcomes]
    return sum(estimates), jax.grad(lambda theta: sum(probability(theta, w) * cost(theta, w) for w in outcomes))(theta)


def lift(values):
    """Scalars by name as one sample each."""
    return {name: value[None] for name, value in values.items()}


# A categorical node

N = 5
TABLE = jnp.array([3.0, -1.0, 0.5, 2.0, 7.0])


def categorical_cost(theta, z):
    """What is paid for z, which also depends on theta itself."""
    return TABLE[z] * jnp.cos(theta[0]) + theta[z] ** 2


def categorical_estimate(theta, z):
    log_p = jax.nn.log_softmax(theta)[z]
    costs = lift({"cost": categorical_cost(theta, z)})
    return surrogate({"cost": ("z",)}, costs, lift({"z": log_p}))[0]


@pytest.mark.system("found.stochastic_graph")
def test_a_categorical_node(x64):
    theta = jnp.array([0.3, -0.7, 1.1, 0.0, -0.2])
    probability = lambda theta, z: jnp.exp(theta[z]) / jnp.exp(theta).sum()
    mean, exact = both(theta, range(N), probability, categorical_cost, categorical_estimate)
    np.testing.assert_allclose(mean, exact, atol=1e-12)
    for z in range(N):
        assert categorical_estimate(theta, z) == pytest.approx(float(categorical_cost(theta, z)), abs=1e-14)


@pytest.mark.system("found.stochastic_graph")
def test_the_mean_of_samples_is_the_exact_gradient(key, x64):
    """Within 5 standard errors of 50,000 draws, with and without a baseline."""
    theta = jnp.array([0.3, -0.7, 1.1, 0.0, -0.2])
    z = jax.random.categorical(key, theta, shape=(50_000, 4))
    exact = jax.grad(
        lambda theta: (jax.nn.softmax(theta) * jax.vmap(categorical_cost, (None, 0))(theta, jnp.arange(N))).sum()
    )(theta)
    deviations = {}
    for baseline in (no_baseline, leave_one_out):

        def estimate(theta, z):
            costs = jax.vmap(categorical_cost, (None, 0))(theta, z)
            log_p = jax.nn.log_softmax(theta)[z]
            return surrogate({"cost": ("z",)}, {"cost": costs}, {"z": log_p}, baseline).mean()

        grads = np.asarray(jax.jit(jax.vmap(jax.grad(estimate), (None, 0)))(theta, z))
        deviations[baseline] = grads.std(0)
        assert (abs(grads.mean(0) - exact) < 5 * grads.std(0) / len(grads) ** 0.5).all()
    assert (deviations[leave_one_out] ** 2).sum() < 0.8 * (deviations[no_baseline] ** 2).sum()


# z1 -> z2, each with a cost of its own, and z3 beside them

CHAIN = {"a": ("z1",), "z2": ("z1",), "b": ("z1", "z2"), "c": ("z3",)}
A, B, C = (jnp.asarray(np.random.default_rng(i).normal(size=shape)) for i, shape in enumerate([(3,), (3, 4), (2,)]))
SIZES = (3, 12, 2)  # theta: logits of z1, of z2 for each z1, of z3


def chain_logits(theta):
    one, two, three = jnp.split(theta, np.cumsum(SIZES)[:-1])
    return one, two.reshape(3, 4), three


def chain_log_probs(theta, w):
    one, two, three = chain_logits(theta)
    pick = lambda logits, z: logits[z] - jnp.log(jnp.exp(logits).sum())
    return {"z1": pick(one, w[0]), "z2": pick(two[w[0]], w[1]), "z3": pick(three, w[2])}


def chain_costs(theta, w):
    return {"a": A[w[0]] * theta[1], "b": B[w[0], w[1]] * jnp.sin(theta[5]), "c": C[w[2]] + theta[2]}


def chain_gradients(parents):
    theta = jnp.asarray(np.random.default_rng(7).normal(size=sum(SIZES)))
    estimate = lambda theta, w: surrogate(parents, lift(chain_costs(theta, w)), lift(chain_log_probs(theta, w)))[0]
    probability = lambda theta, w: jnp.exp(sum(chain_log_probs(theta, w).values()))
    outcomes = [*product(range(3), range(4), range(2))]
    return both(theta, outcomes, probability, lambda theta, w: sum(chain_costs(theta, w).values()), estimate)


@pytest.mark.system("found.stochastic_graph")
def test_a_chain_of_two_nodes_and_one_beside_it(x64):
    mean, exact = chain_gradients(CHAIN)
    np.testing.assert_allclose(mean, exact, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [{"a": ()}, {"z2": (), "b": ("z2",)}, {"b": ("z1",)}])
def test_a_cost_that_is_lost_makes_another_gradient(lost, x64):
    """The checker's own control."""
    mean, exact = chain_gradients({**CHAIN, **lost})
    assert abs(mean - exact).max() > 1e-2


@pytest.mark.system("found.stochastic_graph")
def test_only_costs_downstream_multiply_a_log_probability(x64):
    """c does not reach the gradient of z1's logits in a single estimate, though on average it would do no harm."""
    theta = jnp.asarray(np.random.default_rng(7).normal(size=sum(SIZES)))
    w = (1, 2, 0)

    def slope(scale):
        costs = lambda theta: lift(chain_costs(theta, w) | {"c": scale * C[w[2]]})
        return jax.grad(lambda theta: surrogate(CHAIN, costs(theta), lift(chain_log_probs(theta, w)))[0])(theta)

    np.testing.assert_allclose(slope(1.0)[:15], slope(100.0)[:15], atol=1e-12)
    assert abs(slope(1.0)[15:] - slope(100.0)[15:]).max() > 1


# Reparametrised noise before a sampled node, and again after it


def mixed(theta, w):
    """(costs, log p(z)): x = mean + std * noise, z ~ p(z | x), cost through both; the noise is -1 or 1, evenly."""
    noise, z, later = w
    x = theta[0] + jnp.exp(theta[1]) * noise
    logits = jnp.stack([x * theta[2], x**2, -x])
    y = jnp.tanh(theta[3] * z + x) + theta[0] * later
    return {"energy": x**2 * theta[2], "loss": (y - 0.3) ** 2}, jax.nn.log_softmax(logits)[z]


@pytest.mark.system("found.stochastic_graph")
def test_pathwise_and_score_terms_together(x64):
    parents = {"z": ("x",), "energy": ("x",), "y": ("z", "x"), "loss": ("y",)}

    def estimate(theta, w):
        costs, log_p = mixed(theta, w)
        return surrogate(parents, lift(costs), lift({"z": log_p}))[0]

    theta = jnp.array([0.4, -0.3, 0.8, 0.6])
    probability = lambda theta, w: jnp.exp(mixed(theta, w)[1]) / 4
    cost = lambda theta, w: sum(mixed(theta, w)[0].values())
    outcomes = [*product((-1.0, 1.0), range(3), (-1.0, 1.0))]
    # an estimate is weighted by the probability of its outcome, a constant
    mean, exact = both(theta, outcomes, probability, cost, estimate)
    np.testing.assert_allclose(mean, exact, atol=1e-12)


# Baselines


@pytest.mark.system("found.stochastic_graph")
@pytest.mark.parametrize(("baseline", "error"), [(leave_one_out, 0), (lambda q: q.mean(0, keepdims=True), 1)])
def test_leave_one_out_is_unbiased_and_the_mean_of_all_is_not(baseline, error, x64):
    """Over all pairs of outcomes of two samples; a baseline that a sample enters itself shrinks its score by 1/2."""
    theta = jnp.array([0.3, -0.7, 1.1])
    p = lambda theta, z: jnp.exp(theta[z]) / jnp.exp(theta).sum()

    def estimate(theta, pair):
        z = jnp.array(pair)
        log_p = jax.nn.log_softmax(theta)[z]
        return surrogate({"cost": ("z",)}, {"cost": TABLE[z]}, {"z": log_p}, baseline).mean()

    pairs = [*product(range(3), repeat=2)]
    probability = lambda theta, pair: p(theta, pair[0]) * p(theta, pair[1])
    cost = lambda theta, pair: (TABLE[pair[0]] + TABLE[pair[1]]) / 2
    mean, exact = both(theta, pairs, probability, cost, estimate)
    np.testing.assert_allclose(mean, (1 - error / 2) * exact, atol=1e-12)


@pytest.mark.system("found.stochastic_graph")
def test_leave_one_out_by_hand():
    np.testing.assert_allclose(leave_one_out(jnp.array([[1.0, 5], [2, 5], [6, 8]])), [[4, 6.5], [3.5, 6.5], [1.5, 5]])


# The graph


def test_downstream_is_what_networkx_calls_descendants():
    random = np.random.default_rng(0)
    parents = {f"n{i}": tuple(f"n{j}" for j in range(i) if random.random() < 0.25) for i in range(12)}
    graph = networkx.DiGraph([(parent, child) for child, above in parents.items() for parent in above])
    graph.add_nodes_from(parents)
    for node in parents:
        assert downstream(parents, node) == networkx.descendants(graph, node)


# The classifier


@pytest.mark.system("found.stochastic_graph")
def test_the_classifiers_gradient_over_all_states_of_its_units(x64):
    """Two layers of two binary units: sixteen states, of which NumPy gives the probabilities and the losses."""
    method, _ = example()
    x, y = jnp.asarray(np.random.default_rng(1).normal(size=(1, 5))), jnp.array([2])
    params = method.init(jax.random.key(3), (x, y)).params
    cells = [[jnp.array(h, float) for h in state] for state in product(product((0, 1), repeat=2), repeat=2)]
    dense = lambda h, params, i: h @ params["params"][f"Dense_{i}"]["kernel"] + params["params"][f"Dense_{i}"]["bias"]
    units = lambda logits, h: jnp.prod(jnp.where(h == 1, 1 / (1 + jnp.exp(-logits)), 1 / (1 + jnp.exp(logits))))

    def probability(params, h):
        return units(dense(x[0], params, 0), h[0]) * units(dense(h[0], params, 1), h[1])

    def expected(params):
        losses = [-jnp.log(jnp.exp(dense(h[1], params, 2))[2] / jnp.exp(dense(h[1], params, 2)).sum()) for h in cells]
        return sum(probability(params, h) * loss for h, loss in zip(cells, losses, strict=True))

    estimate = jax.grad(lambda params, h: objective(params, [s[None, None] for s in h], (x, y), no_baseline)[0].mean())
    weighted = [jax.tree.map(lambda g: probability(params, h) * g, estimate(params, h)) for h in cells]
    mean = jax.tree.map(lambda *g: sum(g), *weighted)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), mean, jax.grad(expected)(params))


@pytest.mark.system("found.stochastic_graph")
def test_units_are_drawn_with_their_probabilities_and_predictions_averaged(key, x64):
    method, _ = example()
    x, y = jnp.asarray(np.random.default_rng(1).normal(size=(2, 5))), jnp.array([2, 0])
    state = method.init(jax.random.key(3), (x, y))
    layers = [state.params["params"][f"Dense_{i}"] for i in range(3)]
    first, second = (np.asarray(h) for h in draw(key, state.params, x, 20_000))
    chance = expit(x @ layers[0]["kernel"])
    np.testing.assert_allclose(first.mean(0), chance, atol=5 * 0.5 / 20_000**0.5)
    on = first[:, 0].all(-1)  # the second layer given that both units before are on
    np.testing.assert_allclose(
        second[on, 0].mean(0), expit(np.ones(2) @ layers[1]["kernel"]), atol=5 * 0.5 / on.sum() ** 0.5
    )
    chosen = np.asarray(draw(jax.random.key(0), state.params, x, 8)[-1])
    p = np.mean([np.exp(log_softmax(h @ layers[2]["kernel"], axis=1)) for h in chosen], axis=0)
    np.testing.assert_allclose(np.exp(method.predict(state, x)), p, atol=1e-12)


@pytest.mark.system("found.stochastic_graph")
def test_learns_exclusive_or_only_if_the_score_function_reaches_the_units(key):
    """With Q - Q for Q the units keep their initial weights, too small to say much of the input."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    stream = resident((x, np.array([0, 1, 1, 0], np.int32)), 16)
    config = Config(hidden=(8,), samples=16, learning_rate=5e-2)
    costs = {}
    for name, baseline in {"score": leave_one_out, "none": lambda q: q}.items():
        method = stochastic_graph(config, 2, baseline)
        state, _ = train(jax.random.clone(key), method, stream, 800)
        costs[name] = evaluate(jax.random.key(1), method, state, stream, 1)["cost"]
    assert costs["score"] < 0.2
    assert costs["none"] > 0.6


def test_wrong_arguments_are_named(key):
    with pytest.raises(ConfigError, match="node 'lss' is not in the graph; did you mean 'loss'"):
        surrogate({"loss": ("z",)}, {"lss": jnp.ones(1)}, {"z": jnp.ones(1)})
    with pytest.raises(ConfigError, match="'a' is downstream of itself"):
        downstream({"a": ("b",), "b": ("a",)}, "a")
    with pytest.raises(ConfigError, match="1 sample; expected at least 2"):
        leave_one_out(jnp.ones((1, 3)))
    with pytest.raises(ConfigError, match="samples is 1; expected 2 <= samples"):
        stochastic_graph(Config(samples=1), classes=3)
    with pytest.raises(DataError, match="expected 2 axes"):
        stochastic_graph(TINY, classes=3).init(key, (np.zeros((2, 4, 4)), np.zeros(2, np.int32)))
