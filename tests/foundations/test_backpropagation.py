"""Derivatives by hand against jax.grad of other code, difference quotients, and torch's autograd."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.method import from_loss
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.data.digits import digits
from jaxicon.foundations.backpropagation import (
    Config,
    Layer,
    Node,
    backpropagation,
    backward,
    backward_graph,
    cross_entropy,
    dense,
    forward,
    forward_graph,
    recurrent_graph,
    relu,
    tanh,
    worked_forward,
    worked_gradient,
)

GOLDEN = np.load(Path(__file__).parents[1] / "golden/backpropagation.npz")
close = lambda a, b, atol=1e-10: jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=1e-9), a, b)


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    return backpropagation(Config(hidden=(6, 4)), classes=3), stream


def affine(random, inputs, outputs):
    return jnp.asarray(random.normal(size=(inputs, outputs))), jnp.asarray(random.normal(size=outputs))


def quotients(function, tree, step=1e-6):
    """Central differences of a scalar function by every entry of a tree."""
    flat, unravel = jax.flatten_util.ravel_pytree(tree)
    compiled = jax.jit(lambda flat: function(unravel(flat)))
    nudges = step * np.eye(flat.size)
    return unravel(jnp.array([(compiled(flat + e) - compiled(flat - e)) / (2 * step) for e in nudges]))


# Chains


@pytest.fixture
def chain(x64):
    """Three affine layers with a tanh and a ReLU between, and the same written for jax.grad."""
    random = np.random.RandomState(0)
    layers = [dense, tanh, dense, relu, dense]
    params = [affine(random, 5, 6), (), affine(random, 6, 4), (), affine(random, 4, 3)]
    x, y = jnp.asarray(random.normal(size=(7, 5))), jnp.arange(7) % 3

    def loss(params, x):
        (a, b), _, (c, d), _, (e, f) = params
        hidden = jax.nn.relu(jnp.tanh(x @ a + b[None]) @ c + d[None])
        return optax.softmax_cross_entropy_with_integer_labels(hidden @ e + f[None], y).mean()

    return layers, params, x, y, loss


@pytest.mark.slow
@pytest.mark.system("found.backprop_generic")
def test_a_chain_is_differentiated_as_by_jax_and_by_differences(chain):
    layers, params, x, y, loss = chain
    logits, kept = forward(layers, params, x)
    value, delta = cross_entropy(logits, y)
    assert float(value) == pytest.approx(float(loss(params, x)), abs=1e-12)
    delta, gradients = backward(layers, params, kept, delta)
    by_params, by_x = jax.grad(loss, argnums=(0, 1))(params, x)
    close(gradients, by_params)
    close(delta, by_x)
    close(gradients, quotients(lambda params: loss(params, x), params), atol=1e-8)


@pytest.mark.system("found.backprop_generic")
@pytest.mark.parametrize(("layer", "theta"), [(dense, True), (relu, False), (tanh, False)])
def test_backward_is_the_transposed_jacobian(x64, layer: Layer, theta):
    random = np.random.RandomState(1)
    params = affine(random, 4, 4) if theta else ()
    x, delta = (jnp.asarray(random.normal(size=(3, 4))) for _ in range(2))
    _, kept = layer.forward(params, x)
    inner = lambda params, x: (layer.forward(params, x)[0] * delta).sum()
    found_x, found_params = layer.backward(params, kept, delta)
    close((found_params, found_x), quotients(lambda both: inner(*both), (params, x)), atol=1e-8)


@pytest.mark.system("found.backprop_generic")
def test_training_by_hand_is_training_by_jax_grad(key, x64):
    """Ten steps of Adam from the same start; the loss of the other is a forward pass in plain jax.numpy."""
    method, stream = example()

    def loss(key, params, batch):
        (a, b), _, (c, d), _, (e, f) = params
        hidden = jax.nn.relu(jax.nn.relu(batch[0] @ a + b[None]) @ c + d[None])
        logits = hidden @ e + f[None]
        value = optax.softmax_cross_entropy_with_integer_labels(logits, batch[1]).mean()
        return value, {"loss": value}

    automatic = from_loss(lambda key, batch: method.init(key, batch).params, loss, optax.adam(1e-3))
    by_hand, ours = train(jax.random.clone(key), method, stream, 10)
    by_jax, theirs = train(jax.random.clone(key), automatic, stream, 10)
    close(by_hand.params, by_jax.params)
    close(ours["loss"], theirs["loss"])
    x = jax.random.normal(key, (4, 5))
    np.testing.assert_allclose(method.predict(by_hand, x), method.predict(by_jax, x), atol=1e-10)


def test_the_file_takes_no_derivative_of_jax():
    text = (Path(__file__).parents[2] / "lib/jaxicon/foundations/backpropagation.py").read_text()
    assert not {word for word in ("jax.grad", "value_and_grad", "vjp", "jvp", "jacobian", "linearize") if word in text}


@pytest.mark.slow
def test_learns_the_digits(key):
    data = digits()
    method = backpropagation(Config(), classes=10)
    state, _ = train(jax.random.clone(key), method, epochs(data.train, 64), 800)
    assert evaluate(key, method, state, epochs(data.test, 360), 1)["accuracy"] >= 0.96


# Graphs


LENGTH = 4


@pytest.fixture
def recurrent(x64):
    """An unrolled network, the loss 0.5 sum_t |y_t - target_t|^2, and the same as a loop for jax.grad."""
    random = np.random.RandomState(2)
    params = {"read": affine(random, 3, 5), "recur": affine(random, 5, 5), "write": affine(random, 5, 2)}
    xs, targets = (jnp.asarray(random.normal(size=(LENGTH, 6, d))) for d in (3, 2))
    h0 = jnp.asarray(random.normal(size=(6, 5)))

    def loss(params, xs, h):
        (a, b), (c, d), (e, f) = params["read"], params["recur"], params["write"]
        total = 0
        for x, target in zip(xs, targets, strict=True):
            h = jnp.tanh(x @ a + b[None] + h @ c + d[None])
            total += ((h @ e + f[None] - target) ** 2).sum() / 2
        return total

    inputs = {"h0": h0} | {f"x{t}": xs[t - 1] for t in range(1, LENGTH + 1)}
    nodes = recurrent_graph(LENGTH)
    values, kept = forward_graph(nodes, params, inputs)
    deltas = {f"y{t}": values[f"y{t}"] - targets[t - 1] for t in range(1, LENGTH + 1)}
    return nodes, params, kept, deltas, jax.grad(loss, argnums=(0, 1, 2))(params, xs, h0)


def overwriting(nodes, params, kept, deltas, which):
    """backward_graph, but what comes later replaces what was there: gradients, or deltas."""
    deltas, gradients = dict(deltas), {}
    for node, own in zip(nodes[::-1], kept[::-1], strict=True):
        delta, gradient = node.layer.backward(params.get(node.params, ()), own, deltas[node.output])
        if node.params in gradients and which != "gradients":
            gradient = jax.tree.map(jnp.add, gradients[node.params], gradient)
        gradients[node.params] = gradient
        for name in node.inputs:
            deltas[name] = delta + (deltas.get(name, 0) if which != "deltas" else 0)
    return {name: gradients[name] for name in params}


@pytest.mark.slow
@pytest.mark.system("found.reverse_mode_accumulate")
def test_shared_weights_and_values_read_twice_get_sums(recurrent):
    nodes, params, kept, deltas, (by_params, by_xs, by_h0) = recurrent
    found, gradients = backward_graph(nodes, params, kept, deltas)
    close(gradients, by_params)
    close(found["h0"], by_h0)
    close(jnp.stack([found[f"x{t}"] for t in range(1, LENGTH + 1)]), by_xs)


@pytest.mark.slow
@pytest.mark.system("found.reverse_mode_accumulate")
@pytest.mark.parametrize("which", ["gradients", "deltas"])
def test_overwriting_instead_is_wrong(recurrent, which):
    nodes, params, kept, deltas, (by_params, _, _) = recurrent
    close(overwriting(nodes, params, kept, deltas, "neither"), by_params)
    wrong = overwriting(nodes, params, kept, deltas, which)
    for name in ("read", "recur"):
        distance = np.linalg.norm(wrong[name][0] - by_params[name][0]) / np.linalg.norm(by_params[name][0])
        assert distance > 0.1


@pytest.mark.system("found.reverse_mode_accumulate")
def test_a_value_read_by_three_and_one_that_the_loss_does_not_read(x64):
    """y = tanh(x) + relu(x) + x w, read as z = (tanh x) + (x w) and relu x; an idle node has no say."""
    w = jnp.array([[2.0, -1], [0.5, 3]]), jnp.zeros(2)
    nodes = [
        Node(tanh, "", ("x",), "t"),
        Node(relu, "", ("x",), "r"),
        Node(dense, "w", ("x",), "d"),
        Node(relu, "", ("t", "r", "d"), "y"),
        Node(dense, "w", ("t",), "idle"),
    ]
    x = jnp.array([[0.3, -0.7], [1.1, 0.2]])
    values, kept = forward_graph(nodes, {"w": w}, {"x": x})
    inner = lambda w, x: jax.nn.relu(jnp.tanh(x) + jax.nn.relu(x) + x @ w[0] + w[1][None])
    close(values["y"], inner(w, x))
    deltas, gradients = backward_graph(nodes, {"w": w}, kept, {"y": jnp.ones_like(x)})
    by_w, by_x = jax.grad(lambda w, x: inner(w, x).sum(), argnums=(0, 1))(w, x)
    close((gradients["w"], deltas["x"]), (by_w, by_x))
    assert "idle" not in deltas


# The worked network


@pytest.mark.system("found.net_2221")
def test_thirteen_derivatives_are_those_of_torch(x64):
    given = [jnp.asarray(GOLDEN[name]) for name in ("w", "b", "x", "y")]
    dw, db = jax.vmap(worked_gradient)(*given)
    np.testing.assert_allclose(jax.vmap(worked_forward)(*given[:3])[0], GOLDEN["output"], atol=1e-13)
    np.testing.assert_allclose(dw, GOLDEN["dw"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(db, GOLDEN["db"], rtol=1e-10, atol=1e-12)
    assert dw.shape[1] + db.shape[1] == 13
    assert ((GOLDEN["dw"] != 0).sum(0) >= 5).all(), "every path is alive in some of the networks"
    assert ((GOLDEN["db"][:, :4] == 0).sum(0) >= 5).all(), "and dead in others"


@pytest.mark.slow
@pytest.mark.system("found.net_2221")
def test_thirteen_derivatives_are_those_of_jax_and_of_differences(x64):
    def loss(params, x, y):
        """Matrices, as the notes print them: rows (w_3, w_5, b_3) and (w_4, w_6, b_4)."""
        w, b = params
        a = jax.nn.relu(w[:2] * x + b[:2])
        a = jax.nn.relu(jnp.stack([w[2:6:2], w[3:6:2]]) @ a + b[2:4])
        return (y - w[6:] @ a - b[4]) ** 2

    for i in range(0, 40, 5):
        w, b, x, y = (jnp.asarray(GOLDEN[name][i]) for name in ("w", "b", "x", "y"))
        found = worked_gradient(w, b, x, y)
        close(found, jax.grad(loss)((w, b), x, y))
        close(found, quotients(lambda params, x=x, y=y: loss(params, x, y), (w, b)), atol=1e-7)


@pytest.mark.system("found.net_2221")
def test_a_network_in_numbers(x64):
    """x = 2, y = 1 and every ReLU open: z1 = 1, z2 = 3, z3 = 1, z4 = 5, output 13 / 4."""
    w, b = jnp.array([1.0, 2, 3, 1, -1, 1.5, 0.5, 0.5]), jnp.array([-1.0, -1, 1, -0.5, 0.25])
    output, z, a = worked_forward(w, b, jnp.array(2.0))
    assert (float(output), z.tolist(), a.tolist()) == (3.25, [1, 3, 1, 5], [1, 3, 1, 5])
    dw, db = worked_gradient(w, b, jnp.array(2.0), jnp.array(1.0))
    assert dw.tolist() == [18, 2.25, 2.25, 2.25, 6.75, 6.75, 4.5, 22.5]
    assert db.tolist() == [9, 1.125, 2.25, 2.25, 4.5]


def test_bad_input(key):
    with pytest.raises(ConfigError, match="backpropagation: learning_rate is 0"):
        backpropagation(Config(learning_rate=0.0), classes=2)
    with pytest.raises(ConfigError, match=r"backpropagation: hidden\[1\] is 0"):
        backpropagation(Config(hidden=(3, 0)), classes=2)
    with pytest.raises(DataError, match="backpropagation: x has shape"):
        backpropagation(Config(), classes=2).init(key, (jnp.zeros(3), jnp.zeros(3, jnp.int32)))
