"""The deep belief network against NumPy loops, sums over all states of a tiny one, and scikit-learn."""

from itertools import pairwise, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.data.digits import digits
from jaxicon.foundations import rbm
from jaxicon.foundations.dbn import Config, cross_entropy, dbn, generate, upwards
from jaxicon.ops.bulk import uniform

TINY = Config(hidden=(4, 3), pretraining=2)


def example():
    sample = lambda key: (jax.random.uniform(key, (8, 5)), jnp.arange(8) % 4 - 1)
    return dbn(TINY, classes=3), synthetic(sample)


def random_machines():
    """Of 5, 4, 3 and 2 units, in float64, with weights so large that probabilities are no substitute for samples."""
    rng, sizes = np.random.default_rng(0), (5, 4, 3, 2)
    make = lambda v, h: rbm.Params(*(jnp.array(2 * rng.normal(size=size)) for size in ((v, h), v, h)))
    params = [make(v, h) for v, h in pairwise(sizes)]
    return tuple(rbm.State(p, jax.tree.map(jnp.zeros_like, p), jnp.zeros((8, p.weights.shape[0]))) for p in params)


@pytest.mark.slow
@pytest.mark.system("found.dbn")
def test_the_layers_learn_one_after_the_other_from_samples_of_those_below(key, x64):
    """Step by step: machine t // 2 alone moves, by the step of an RBM on hidden units that NumPy drew."""
    method, _ = example()
    x, y = (jnp.array(part) for part in (np.random.default_rng(0).uniform(size=(8, 5)), np.arange(8) % 3))
    state = method.init(key, (x, y))._replace(machines=random_machines()[:2])
    settings = dict(learning_rate=0.05, momentum=0.9, weight_decay=2e-4)
    machines = [rbm.rbm(rbm.Config(hidden=size, **settings)) for size in TINY.hidden]
    for t in range(4):
        step_key, layer = jax.random.key(t + 1), t // 2
        sample_key, machine_key = jax.random.split(jax.random.clone(step_key))
        h = np.asarray(x)
        for i in range(layer + 1):
            draws = np.asarray(uniform(jax.random.fold_in(jax.random.clone(sample_key), i), h.shape, 0.0, 1.0))
            h = (draws < h).astype(float)
            if i < layer:
                w, _, b = (np.asarray(part) for part in state.machines[i].params)
                h = expit(h @ w + b)
        expected, _ = machines[layer].step(machine_key, state.machines[layer], jnp.array(h))
        after, _ = method.step(step_key, state, (x, y))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), after.machines[layer], expected)
        assert abs(after.machines[layer].params.weights - state.machines[layer].params.weights).max() > 0
        jax.tree.map(np.testing.assert_array_equal, after.machines[1 - layer], state.machines[1 - layer])
        state = after
    last, _ = method.step(jax.random.key(9), state, (x, y))
    jax.tree.map(np.testing.assert_array_equal, last.machines, state.machines)
    for layer, machine in zip(state.network, state.machines, strict=False):  # where fine-tuning began
        np.testing.assert_array_equal(layer.weights, machine.params.weights)
        np.testing.assert_array_equal(layer.bias, machine.params.hidden_bias)


@pytest.mark.slow
@pytest.mark.system("found.dbn")
def test_fine_tuning_follows_back_propagation_written_out(x64):
    """Adam's first step is the rate times the sign of the gradient, here that of the labelled rows, layer by layer."""
    method = dbn(Config(hidden=(4, 3), pretraining=0, learning_rate=1e-3), classes=3)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(size=(6, 5)), np.array([0, -1, 2, 1, -1, 2])
    state = method.init(jax.random.key(0), (jnp.array(x), jnp.array(y)))
    network = tuple(jax.tree.map(lambda p: jnp.array(rng.normal(size=p.shape)), layer) for layer in state.network)
    state = state._replace(network=network)
    after, metrics = method.step(jax.random.key(1), state, (jnp.array(x), jnp.array(y)))

    (w1, b1), (w2, b2), (v, c) = (tuple(np.asarray(part) for part in layer) for layer in network)
    known = y >= 0
    m1 = expit(x[known] @ w1 + b1)
    m2 = expit(m1 @ w2 + b2)
    logits = m2 @ v + c
    delta = (softmax(logits, axis=1) - np.eye(3)[y[known]]) / known.sum()
    grads = [(m2.T @ delta, delta.sum(0))]
    delta = delta @ v.T * m2 * (1 - m2)
    grads = [(m1.T @ delta, delta.sum(0)), *grads]
    delta = delta @ w2.T * m1 * (1 - m1)
    grads = [(x[known].T @ delta, delta.sum(0)), *grads]

    found = jax.grad(cross_entropy, has_aux=True)(network, jnp.array(x), jnp.array(y))[0]
    for old, new, slope, expected in zip(network, after.network, found, grads, strict=True):
        for a, b, f, g in zip(old, new, slope, expected, strict=True):
            np.testing.assert_allclose(f, g, atol=1e-12)
            np.testing.assert_allclose(b - a, -1e-3 * g / (abs(g) + 1e-8), atol=1e-10)
    loss = -log_softmax(logits, axis=1)[np.arange(4), y[known]].mean()
    assert float(metrics["loss"]) == pytest.approx(loss, abs=1e-12)
    assert float(metrics["accuracy"]) == (logits.argmax(1) == y[known]).mean()
    np.testing.assert_allclose(method.predict(state, jnp.array(x))[known], logits, atol=1e-12)
    blank, nothing = method.step(jax.random.key(2), state, (jnp.array(x), jnp.full(6, -1)))
    jax.tree.map(np.testing.assert_array_equal, blank.network, network)
    assert float(nothing["loss"]) == 0


@pytest.mark.system("found.dbn")
def test_samples_follow_the_distribution_of_the_whole_network(key, x64):
    """p(x) = sum_h p(h_2) p(h_1 | h_2) p(x | h_1), p(h_2) of the top machine; and p(h_2 | x) through all h_1."""
    machines, count = random_machines(), 40_000
    every = lambda size: np.array([*product((0.0, 1.0), repeat=size)])
    (w1, a1, b1), (w2, a2, b2), (w3, a3, b3) = (tuple(np.asarray(p) for p in m.params) for m in machines)
    h1, h2, h3 = every(4), every(3), every(2)
    p_h2 = softmax(np.array([np.logaddexp.reduce([a3 @ h + b3 @ k + h @ w3 @ k for k in h3]) for h in h2]))
    down = expit(h2 @ w2.T + a2)
    p_h1 = p_h2 @ np.where(h1[None] == 1, down[:, None], 1 - down[:, None]).prod(2)
    means = expit(h1 @ w1.T + a1)
    found = np.asarray(generate(key, machines, count, sweeps=300))
    expected = np.einsum("n,ni->i", p_h1, means)
    error = np.sqrt(np.einsum("n,ni->i", p_h1, (means - expected) ** 2) / count)
    assert (abs(found.mean(0) - expected) < 5 * error).all()

    x = np.array([1.0, 0, 1, 1, 0])
    up = np.asarray(upwards(jax.random.key(1), machines[:2], jnp.broadcast_to(jnp.array(x), (count, 5))))
    p1 = expit(x @ w1 + b1)
    chance = np.prod(np.where(h1 == 1, p1, 1 - p1), axis=1)
    expected = chance @ expit(h1 @ w2 + b2)
    assert (abs(up.mean(0) - expected) < 5 * np.sqrt(expected * (1 - expected) / count)).all()


@pytest.mark.slow
@pytest.mark.system("found.dbn")
def test_every_machine_knows_more_than_frequencies_and_few_labels_go_further(key):
    """On the digits: pseudo-likelihood of every layer above that of independent units; with 10 labels a class, the
    accuracy on test digits is not below that of scikit-learn's logistic regression on the same."""
    from sklearn.linear_model import LogisticRegression

    (x, y), test = digits()
    known = np.concatenate([np.flatnonzero(y == digit)[:10] for digit in range(10)])
    partly = np.where(np.isin(np.arange(len(y)), known), y, -1).astype(np.int32)
    method = dbn(Config(hidden=(64, 64), pretraining=2000), classes=10)
    state, _ = train(jax.random.clone(key), method, epochs((x, partly), 32), 5000, chunk=5000)
    metrics = evaluate(jax.random.clone(key), method, state, epochs(test, 360), 1)
    for i in range(2):
        draw = lambda j, x, i=i: np.asarray(upwards(jax.random.key(j), state.machines[:i], jnp.array(x)))
        p, h = (draw(1, x).sum(0) + 1) / (len(x) + 2), draw(2, test[0])
        independent = (h * np.log(p) + (1 - h) * np.log(1 - p)).sum(1).mean()
        assert metrics[f"pseudo_likelihood_{i + 1}"] > independent + 5
    peer = LogisticRegression(max_iter=1000).fit(x[known], y[known])
    assert metrics["accuracy"] >= np.float32(peer.score(*test))


def test_what_is_refused(key):
    for wrong, match in [
        ({"hidden": ()}, "at least one layer"),
        ({"hidden": (4, 0)}, "hidden is 0"),
        ({"pretraining": -1}, "pretraining=-1"),
        ({"pretraining_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"momentum": 2.0}, "momentum is 2.0"),
    ]:
        with pytest.raises(ConfigError, match=match):
            dbn(Config(**wrong), classes=3)
    with pytest.raises(ConfigError, match="classes is 0"):
        dbn(TINY, classes=0)
    with pytest.raises(DataError, match="x has shape"):
        dbn(TINY, classes=3).init(key, (jnp.zeros((0, 5)), jnp.zeros(0, int)))
