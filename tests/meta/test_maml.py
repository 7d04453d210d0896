import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxicon.core.run import fresh, train
from jaxicon.core.stream import synthetic
from jaxicon.data.sinusoids import Tasks, sinusoids
from jaxicon.meta.maml import Config, adapt, adapted_losses, maml, squared_error
from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network


def example():
    net = mlp(8, 1)
    return maml(Config(inner_steps=2), net, squared_error(net)), synthetic(lambda key: sinusoids(key, 3, 4, 5))


@pytest.mark.system("meta.maml")
@pytest.mark.parametrize("steps", [1, 3])
def test_the_update_follows_central_differences_of_the_adapted_loss(steps, key, x64):
    """Adam's first moment after one step is a tenth of the gradient."""
    net = mlp(6, 1, activation=jnp.tanh)
    loss = squared_error(net)
    method = maml(Config(inner_rate=0.1, inner_steps=steps), net, loss)
    stream = synthetic(lambda key: sinusoids(key, 4, 5, 5))
    tasks = sinusoids(jax.random.fold_in(key, 1), 4, 5, 5)
    state = fresh(jax.random.clone(key), method, stream)
    flat, unravel = ravel_pytree(state.params)

    def by_hand(flat):
        """The meta-loss by NumPy: a network of one hidden layer and its gradient, task by task."""
        layers = jax.tree.map(np.asarray, unravel(jnp.asarray(flat)))["params"]
        first, second = layers["Dense_0"], layers["Dense_1"]
        total = 0.0
        for x, y, x_query, y_query in zip(*jax.tree.map(np.asarray, (*tasks.support, *tasks.query)), strict=True):
            w, b, v, c = first["kernel"], first["bias"], second["kernel"], second["bias"]
            for _ in range(steps):
                h = np.tanh(x @ w + b)
                error = 2 * (h @ v + c - y) / len(x)
                back = error @ v.T * (1 - h**2)
                w, b, v, c = w - 0.1 * x.T @ back, b - 0.1 * back.sum(0), v - 0.1 * h.T @ error, c - 0.1 * error.sum(0)
            total += np.mean((np.tanh(x_query @ w + b) @ v + c - y_query) ** 2)
        return total / 4

    after, metrics = jax.jit(method.step)(key, state, tasks)
    np.testing.assert_allclose(metrics["after"], by_hand(flat), rtol=1e-10)
    moves = 1e-5 * np.eye(flat.size)
    gradient = np.array([(by_hand(flat + move) - by_hand(flat - move)) / 2e-5 for move in moves])
    moment = ravel_pytree(after.opt_state[0].mu)[0]
    np.testing.assert_allclose(10 * moment, gradient, rtol=1e-6, atol=1e-8)


def quadratic(hessian):
    """A task is the place of its minimum: support and query are [n d]."""
    return lambda params, place: (params - place) @ hessian @ (params - place) / 2


@pytest.mark.system("meta.maml", "meta.objective")
def test_on_quadratic_tasks_the_gradient_has_a_closed_form(key, x64):
    """phi - s = (1 - rate H)^k (theta - s), so the gradient is the mean of (1 - rate H)^k H (phi - q)."""
    draw = lambda i, *shape: np.asarray(jax.random.normal(jax.random.fold_in(key, i), shape))
    root, support, query, theta = draw(0, 3, 3), draw(1, 5, 3), draw(2, 5, 3), draw(3, 3)
    hessian, rate, steps = root @ root.T, 0.05, 3
    loss = quadratic(hessian)
    meta = lambda theta: adapted_losses(loss, theta, Tasks(support, query), rate, steps).mean()
    value, gradient = jax.jit(jax.value_and_grad(meta))(theta)
    shrink = np.linalg.matrix_power(np.eye(3) - rate * hessian, steps)
    phi = support + (theta[None] - support) @ shrink
    found = jax.jit(jax.vmap(lambda place: adapt(loss, theta, place, rate, steps)))(support)
    np.testing.assert_allclose(found, phi, rtol=1e-10)
    expected = (phi - query) @ hessian @ shrink
    np.testing.assert_allclose(gradient, expected.mean(0), rtol=1e-10)
    np.testing.assert_allclose(value, np.mean([d @ hessian @ d / 2 for d in phi - query]), rtol=1e-10)
    first_order = (phi - query) @ hessian
    assert abs(first_order.mean(0) - expected.mean(0)).max() > 0.1


@pytest.mark.system("meta.pretrain_vs_meta", "meta.objective")
def test_a_start_for_fast_adaptation_is_found_and_pretraining_finds_another(key):
    """y = +x or -x, by the model u v x + w z. In the support z = x misleads: in the query z = -x.

    At u = w = 0 one step from a support with mean x^2 = 1 predicts 2 rate (v^2 - 1) y. MAML makes that y, by
    v^2 = 1 + 1 / (2 rate). To pretraining, v is all one, and with v^2 < 1 no step helps: the best rate is none.
    """
    x = jnp.array([[1.0], [-1.0]])
    slope = jnp.array([1.0, -1.0])[:, None, None]
    both = lambda z: (jnp.broadcast_to(jnp.concatenate([x, z * x], -1)[None], (2, 2, 2)), slope * x[None])
    tasks = Tasks(both(1.0), both(-1.0))
    start = {"u": jnp.array(0.1), "v": jnp.array(0.5), "w": jnp.array(0.1)}
    net = Network(
        lambda key, inputs: start,
        lambda p, inputs: p["u"] * p["v"] * inputs[..., :1] + p["w"] * inputs[..., 1:],
    )
    loss = squared_error(net)
    keys = jax.random.split(key)
    learned = [
        train(key, maml(Config(0.1, steps, 0.01), net, loss), synthetic(lambda key: tasks), 2000, chunk=2000)[0].params
        for key, steps in zip(keys, (1, 0), strict=True)
    ]
    error = jax.jit(lambda params, rate: adapted_losses(loss, params, tasks, rate, 1).mean())
    assert error(learned[0], 0.1) < 1e-4
    np.testing.assert_allclose(learned[0]["v"] ** 2, 6, rtol=0.01)
    np.testing.assert_allclose([learned[0]["u"], learned[0]["w"]], 0, atol=0.01)
    assert learned[1]["v"] < 0.9
    np.testing.assert_allclose(min(error(learned[1], rate) for rate in (0.0, 0.01, 0.1, 0.5)), 1, atol=0.01)


def test_without_steps_it_is_pretraining(key):
    net = mlp(8, 1)
    loss = squared_error(net)
    method = maml(Config(inner_steps=0), net, loss)
    tasks = sinusoids(jax.random.fold_in(key, 1), 3, 4, 5)
    state = jax.jit(method.init)(jax.random.clone(key), tasks)
    points = jax.tree.map(lambda x: x.reshape(15, 1), tasks.query)
    gradient = jax.jit(jax.grad(loss))(state.params, points)
    after, _ = jax.jit(method.step)(key, state, tasks)
    flat = lambda tree: ravel_pytree(tree)[0]
    np.testing.assert_allclose(10 * flat(after.opt_state[0].mu), flat(gradient), rtol=1e-4, atol=1e-6)
