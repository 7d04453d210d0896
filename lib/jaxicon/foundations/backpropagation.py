"""Back-propagation by hand: every layer knows its own derivative, the chain rule does the rest.

Notes    CS182 §4.2 Alg 7, §6.1.2; RL & DL notebook U3; 6.S191 lecture 1
Paper    Rumelhart, Hinton & Williams 1986, Nature 323
Systems  found.backprop_generic found.reverse_mode_accumulate found.net_2221
Idea     delta = dL/dy at the end; for each layer y = f(x; theta), the last first:
           dL/dtheta += (df/dtheta)^T delta,   delta <- (df/dx)^T delta                             (1)
         a value that several layers read gets the sum of their deltas                              (2)
Erratum  The RL & DL notebook's prose pairs node 1 with w6, node 2 with w4, and counts biases b1 .. b8; its matrix and
         derivatives have z4 = w4 a1 + w6 a2 + b4, and there are five biases.
         CS182 §4.2 sets dL/dtheta where a shared theta needs the sum, as its §6.1.2 says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked
from jaxicon.core.method import Fit, Key, Predictor


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (128, 64)
    learning_rate: float = 1e-3


class Layer(NamedTuple):
    """forward: (theta, x) -> (y, kept); backward: (theta, kept, dL/dy) -> (dL/dx, dL/dtheta)."""

    forward: Callable[[Any, Array], tuple[Array, Any]]
    backward: Callable[[Any, Any, Array], tuple[Array, Any]]


class Node(NamedTuple):
    """A layer in a graph; it reads the sum of its inputs, and may share its parameters with others."""

    layer: Layer
    params: str  # "" where it has none
    inputs: tuple[str, ...]
    output: str


dense = Layer(  # theta = (w [d, k], b [k]), x [n, d]
    lambda theta, x: (x @ theta[0] + theta[1][None], x),
    lambda theta, x, delta: (delta @ theta[0].T, (x.T @ delta, delta.sum(0))),
)
relu = Layer(  # its derivative at 0 is taken as 0
    lambda theta, x: (jnp.maximum(x, 0), x > 0),
    lambda theta, active, delta: (delta * active, ()),
)
tanh = Layer(
    lambda theta, x: (jnp.tanh(x), jnp.tanh(x)),
    lambda theta, y, delta: (delta * (1 - y**2), ()),
)


def forward(layers: Sequence[Layer], params: Sequence, x: Array) -> tuple[Array, list]:
    """The output of a chain of layers, and what each keeps for the way back."""
    kept = []
    for layer, theta in zip(layers, params, strict=True):
        x, own = layer.forward(theta, x)
        kept.append(own)
    return x, kept


def backward(layers: Sequence[Layer], params: Sequence, kept: Sequence, delta: Array) -> tuple[Array, list]:
    """dL/dx and dL/dtheta of each layer of a chain, from delta = dL/dy."""
    gradients = []
    for layer, theta, own in zip(layers[::-1], params[::-1], kept[::-1], strict=True):
        delta, gradient = layer.backward(theta, own, delta)  # (1)
        gradients.append(gradient)
    return delta, gradients[::-1]


def forward_graph(nodes: Sequence[Node], params: dict, inputs: dict[str, Array]) -> tuple[dict[str, Array], list]:
    """All values by name, and what each node keeps; a node comes after those it reads."""
    values, kept = dict(inputs), []
    for node in nodes:
        summed = sum(values[name] for name in node.inputs)
        values[node.output], own = node.layer.forward(params.get(node.params, ()), summed)
        kept.append(own)
    return values, kept


def backward_graph(
    nodes: Sequence[Node], params: dict, kept: Sequence, deltas: dict[str, Array]
) -> tuple[dict[str, Array], dict]:
    """dL by every value and every parameter; `deltas` are the direct derivatives of L, by the values that L reads."""
    deltas, gradients = dict(deltas), jax.tree.map(jnp.zeros_like, params)
    for node, own in zip(nodes[::-1], kept[::-1], strict=True):
        if node.output not in deltas:  # L does not depend on it
            continue
        delta, gradient = node.layer.backward(params.get(node.params, ()), own, deltas[node.output])
        if node.params:
            gradients[node.params] = jax.tree.map(jnp.add, gradients[node.params], gradient)  # (1), += and not =
        for name in node.inputs:
            deltas[name] = deltas.get(name, 0) + delta  # (2)
    return deltas, gradients


def recurrent_graph(length: int) -> list[Node]:
    """h_t = tanh(read(x_t) + recur(h_{t-1})), y_t = write(h_t), unrolled for t = 1 .. length from a given h_0.

    Three pairs of parameters serve all steps, and each h_t is read twice: by y_t and by h_{t+1}.
    """
    step = lambda t: [
        Node(dense, "read", (f"x{t}",), f"a{t}"),
        Node(dense, "recur", (f"h{t - 1}",), f"r{t}"),
        Node(tanh, "", (f"a{t}", f"r{t}"), f"h{t}"),
        Node(dense, "write", (f"h{t}",), f"y{t}"),
    ]
    return [node for t in range(1, length + 1) for node in step(t)]


def cross_entropy(logits: Float[Array, "b c"], y: Int[Array, "b"]) -> tuple[Float[Array, ""], Float[Array, "b c"]]:
    """-mean log softmax(logits)[y], and its derivative by the logits: (softmax - one-hot) / b."""
    log_p = logits - jax.nn.logsumexp(logits, axis=1, keepdims=True)
    target = jax.nn.one_hot(y, logits.shape[1], dtype=logits.dtype)
    return -(target * log_p).sum(1).mean(), (jnp.exp(log_p) - target) / len(y)


def worked_forward(w: Float[Array, "8"], b: Float[Array, "5"], x: Float[Array, ""]) -> tuple[Array, Array, Array]:
    """The 1-2-2-1 network with ReLUs: (y^, z_1 .. z_4, a_1 .. a_4); w[0] is w_1."""
    z1, z2 = w[0] * x + b[0], w[1] * x + b[1]
    a1, a2 = jnp.maximum(z1, 0), jnp.maximum(z2, 0)
    z3, z4 = w[2] * a1 + w[4] * a2 + b[2], w[3] * a1 + w[5] * a2 + b[3]
    a3, a4 = jnp.maximum(z3, 0), jnp.maximum(z4, 0)
    return w[6] * a3 + w[7] * a4 + b[4], jnp.stack([z1, z2, z3, z4]), jnp.stack([a1, a2, a3, a4])


def worked_gradient(
    w: Float[Array, "8"], b: Float[Array, "5"], x: Float[Array, ""], y: Float[Array, ""]
) -> tuple[Float[Array, "8"], Float[Array, "5"]]:
    """The 13 derivatives of (y - y^)^2, each written out; ReLU'(0) = 0."""
    output, z, (a1, a2, a3, a4) = worked_forward(w, b, x)
    r1, r2, r3, r4 = (z > 0).astype(w.dtype)
    d5 = -2 * (y - output)
    d3, d4 = d5 * w[6] * r3, d5 * w[7] * r4
    d1, d2 = (d3 * w[2] + d4 * w[3]) * r1, (d3 * w[4] + d4 * w[5]) * r2
    by_weights = jnp.stack([d1 * x, d2 * x, d3 * a1, d4 * a1, d3 * a2, d4 * a2, d5 * a3, d5 * a4])
    return by_weights, jnp.stack([d1, d2, d3, d4, d5])


def backpropagation(config: Config, classes: int) -> Predictor:
    """A multilayer perceptron of x [b, d] into `classes`, trained by Adam on the gradients of `backward`.

    Batches are (x, y) with y [b] in 0 .. classes - 1. Raises ConfigError for sizes and rates that are not above 0.
    """
    positive("backpropagation", learning_rate=config.learning_rate, classes=classes)
    positive("backpropagation", **{f"hidden[{i}]": size for i, size in enumerate(config.hidden)})
    layers = [*(dense, relu) * len(config.hidden), dense]
    optimizer = optax.adam(config.learning_rate)

    def init(key: Key, batch) -> Fit:
        ranked("backpropagation", 2, x=batch[0])
        ranked("backpropagation", 1, y=batch[1])
        sizes, params = [batch[0].shape[1], *config.hidden, classes], []
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            w = jax.nn.initializers.lecun_normal()(jax.random.fold_in(key, i), (inputs, outputs))
            params += [(w, jnp.zeros(outputs, w.dtype)), ()]
        return Fit(params[:-1], (), optimizer.init(params[:-1]))

    def step(key: Key, state: Fit, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        x, y = batch
        logits, kept = forward(layers, state.params, x)
        value, delta = cross_entropy(logits, y)
        _, gradients = backward(layers, state.params, kept, delta)
        changes, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return Fit(optax.apply_updates(state.params, changes), (), opt_state), measured(value, logits, y)

    def measured(value: Float[Array, ""], logits: Float[Array, "b c"], y: Int[Array, "b"]):
        return {"loss": value, "accuracy": (logits.argmax(-1) == y).mean(dtype=logits.dtype)}

    def evaluate(key: Key, state: Fit, batch: tuple[Float[Array, "b d"], Int[Array, "b"]]):
        logits = predict(state, batch[0])
        return measured(cross_entropy(logits, batch[1])[0], logits, batch[1])

    def predict(state: Fit, x: Float[Array, "b d"]) -> Float[Array, "b c"]:
        """Logits."""
        return forward(layers, state.params, x)[0]

    return Predictor(init, step, evaluate, predict)
