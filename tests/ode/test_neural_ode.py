from functools import partial

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.integrate import RK45, solve_ivp

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.data.digits import digits
from jaxicon.data.spirals import spirals
from jaxicon.ode.neural_ode import (
    Config,
    backwards_in_time,
    field,
    flow,
    integrator,
    neural_ode,
    through_steps,
    trajectory,
)


def example():
    return neural_ode(Config(hidden=(4,), tolerance=1e-2, max_steps=32), 2), synthetic(partial(spirals, count=8))


class Small:
    """A field in two dimensions with 20 parameters, written out in NumPy; the loss is |u(1) - target|^2."""

    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 3)), rng.normal(size=3)
    out, shift = rng.normal(size=(3, 2)), rng.normal(size=2)
    x, target = np.array([0.4, -0.9]), np.array([1.0, 0.5])

    @classmethod
    def params(cls):
        layer = lambda kernel, bias: {"kernel": jnp.array(kernel), "bias": jnp.array(bias)}
        return {"params": {"Dense_0": layer(cls.kernel, cls.bias), "Dense_1": layer(cls.out, cls.shift)}}

    @classmethod
    def field(cls, t, u):
        return np.tanh(np.append(u, t) @ cls.kernel + cls.bias) @ cls.out + cls.shift

    @classmethod
    def pulled_back(cls, t, u, a):
        """a df/du, and a df/dtheta in the order of ravel_pytree: biases before kernels."""
        inputs = np.append(u, t)
        hidden = np.tanh(inputs @ cls.kernel + cls.bias)
        inner = (cls.out @ a) * (1 - hidden**2)
        return cls.kernel[:2] @ inner, np.concatenate(
            [inner, np.outer(inputs, inner).ravel(), a, np.outer(hidden, a).ravel()]
        )

    @classmethod
    def solve(cls, function, span, start):
        return solve_ivp(function, span, start, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]

    @classmethod
    def loss(cls, integrate):
        return lambda params: ((flow(integrate, params, jnp.array(cls.x))[0] - cls.target) ** 2).sum()

    @classmethod
    def central_differences(cls, integrate, h=1e-5):
        vector, unravel = ravel_pytree(cls.params())
        loss = jax.jit(lambda vector: cls.loss(integrate)(unravel(vector)))
        return np.array([(loss(vector + h * e) - loss(vector - h * e)) / (2 * h) for e in np.eye(len(vector))])

    @classmethod
    def gradient(cls, integrate):
        return ravel_pytree(jax.jit(jax.grad(cls.loss(integrate)))(cls.params()))[0]


def stepping(adjoint, steps: int, **config):
    """The integrator with so many equal steps."""
    integrate = integrator(Config(**config), adjoint)
    return partial(integrate, stepsize_controller=diffrax.ConstantStepSize(), dt0=1 / steps)


def fine(adjoint):
    return integrator(Config(tolerance=1e-10), adjoint)


def test_the_flow_solves_the_equation_in_both_directions(x64):
    integrate = fine(through_steps)
    end = flow(integrate, Small.params(), jnp.array(Small.x))[0]
    np.testing.assert_allclose(end, Small.solve(Small.field, (0, 1), Small.x), atol=1e-9)
    np.testing.assert_allclose(flow(integrate, Small.params(), end, 1.0, 0.0)[0], Small.x, atol=1e-8)


@pytest.mark.slow
@pytest.mark.system("ode.discretise_then_optimise")
def test_gradient_through_steps_is_that_of_the_steps_written_out(x64):
    def written_out(params, steps=3):
        u, h = jnp.array(Small.x), 1 / steps
        for i in range(steps):
            slopes = []
            for row, c in zip(RK45.A, RK45.C, strict=True):
                stage = u + h * sum((a * k for a, k in zip(row, slopes, strict=False)), jnp.zeros(2))
                slopes.append(field(jnp.array((i + c) * h), stage, params))
            u = u + h * sum(b * k for b, k in zip(RK45.B, slopes, strict=True))
        return ((u - Small.target) ** 2).sum()

    by_hand = ravel_pytree(jax.jit(jax.grad(written_out))(Small.params()))[0]
    integrate = stepping(through_steps, 3)
    np.testing.assert_allclose(Small.gradient(integrate), by_hand, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(by_hand, Small.central_differences(integrate), atol=1e-6)


@pytest.mark.slow
@pytest.mark.system("ode.optimise_then_discretise")
def test_gradient_backwards_in_time_solves_the_adjoint_equation(x64):
    end = Small.solve(Small.field, (0, 1), Small.x)
    top = 2 * (end - Small.target)

    def backwards(t, state):
        u, a = state[:2], state[2:4]
        to_u, to_params = Small.pulled_back(t, u, a)
        return np.concatenate([Small.field(t, u), -to_u, -to_params])

    def adjoint(t):
        """(u, a, dL/dtheta from t on) at time t."""
        state = Small.solve(backwards, (1, t), np.concatenate([end, top, np.zeros(20)]))
        return state[:2], state[2:4], state[4:]

    u, a, _ = adjoint(0.3)
    loss_from = lambda u: ((Small.solve(Small.field, (0.3, 1), u) - Small.target) ** 2).sum()
    nudged = [(loss_from(u + h) - loss_from(u - h)) / 2e-5 for h in 1e-5 * np.eye(2)]
    np.testing.assert_allclose(a, nudged, atol=1e-6)  # the oracle's a(t) is dL/du(t)

    ours = Small.gradient(fine(backwards_in_time))
    np.testing.assert_allclose(ours, adjoint(0)[2], atol=1e-8)
    np.testing.assert_allclose(ours, Small.central_differences(fine(backwards_in_time)), atol=1e-6)


@pytest.mark.slow
@pytest.mark.system("ode.optimise_then_discretise", "ode.adjoint_memory")
def test_the_two_gradients_meet_as_the_steps_shrink(x64):
    def gradient(adjoint):
        loss = lambda params, dt: Small.loss(partial(stepping(adjoint, 1), dt0=dt))(params)
        return jax.jit(lambda dt: ravel_pytree(jax.grad(loss)(Small.params(), dt))[0])

    of_steps, backwards = gradient(through_steps), gradient(backwards_in_time)
    gap = [abs(of_steps(dt) - backwards(dt)).max() for dt in (1 / 2, 1 / 4, 1 / 8)]
    assert gap[0] > 1e-5
    assert gap[0] > 8 * gap[1] > 64 * gap[2]


def temporary_memory(adjoint, steps: int) -> int:
    """Bytes that the compiled gradient needs beside its inputs and outputs."""
    integrate = stepping(adjoint, steps, max_steps=steps)
    u = jnp.ones((64, 2))
    loss = lambda params: (flow(integrate, params, u)[0] ** 2).sum()
    return jax.jit(jax.grad(loss)).lower(Small.params()).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.slow
@pytest.mark.system("ode.adjoint_memory", "ode.discretise_then_optimise")
def test_memory_grows_with_the_steps_through_them_and_not_backwards_in_time():
    keep_all = lambda steps: diffrax.RecursiveCheckpointAdjoint(checkpoints=steps)
    few, many = 16, 256
    kept = temporary_memory(keep_all(many), many) - temporary_memory(keep_all(few), few)
    state = 64 * 2 * 4
    assert kept > (many - few) * state
    assert kept > 4 * (temporary_memory(through_steps, many) - temporary_memory(through_steps, few)) > 0
    assert temporary_memory(backwards_in_time, many) == temporary_memory(backwards_in_time, few)


@pytest.mark.system("ode.topology_figure")
def test_points_on_a_line_never_change_places(x64, key):
    x, times = jnp.linspace(-2, 2, 30)[:, None], jnp.linspace(0, 1, 20)
    for seed in range(3):
        method = neural_ode(Config(hidden=(8,)))
        params = method.init(jax.random.key(seed), (x, x)).params["field"]
        wild = jax.tree.map(lambda w: 4 * w, params)
        paths = trajectory(fine(through_steps), wild, x, times)[:, :, 0]
        assert (jnp.diff(paths, axis=1) > 0).all()
        assert abs(paths[-1] - paths[0]).max() > 0.5


@pytest.mark.system("ode.node_limit_minus_x")
def test_no_monotone_map_fits_minus_x_better_than_zero():
    from sklearn.isotonic import IsotonicRegression

    for count in (2, 5, 21, 50):
        x = np.linspace(-1, 1, count)
        fitted = IsotonicRegression().fit_transform(x, -x)
        bound = (count + 1) / (3 * (count - 1))
        np.testing.assert_allclose(((fitted + x) ** 2).mean(), bound, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.system("ode.node_limit_minus_x")
def test_minus_x_stays_at_the_bound(key):
    x = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    _, history = train(key, neural_ode(Config(hidden=(16,), learning_rate=1e-2)), epochs((x, -x), 9), 400)
    bound = 10 / (3 * 8)
    assert (history["loss"] >= bound * (1 - 1e-5)).all()
    assert history["loss"][-1] < bound * 1.01


@pytest.mark.system("ode.neural_ode")
def test_logits_are_an_affine_map_of_the_end_of_the_flow(x64, key):
    x = jnp.array([Small.x, -Small.x])
    method = neural_ode(Config(hidden=(3,), tolerance=1e-10), 4)
    state = method.init(key, (x, jnp.zeros(2, int)))
    state = state._replace(params=state.params | {"field": Small.params()})
    head = state.params["head"]["params"]["Dense_0"]
    ends = np.stack([Small.solve(Small.field, (0, 1), row) for row in np.asarray(x)])
    logits = ends @ np.asarray(head["kernel"]) + np.asarray(head["bias"])
    np.testing.assert_allclose(method.predict(state, x), logits, atol=1e-8)


@pytest.mark.slow
@pytest.mark.system("ode.neural_ode")
def test_learns_digits_and_runs_backwards_to_them(key):
    (x, y), (x_test, y_test) = digits()
    method = neural_ode(Config(hidden=(32,), learning_rate=5e-3), 10)
    state, _ = train(key, method, epochs((x, y), 128), 250)
    measured = evaluate(jax.random.key(1), method, state, epochs((x_test, y_test), 360), 1)
    assert measured["accuracy"] > 0.95
    integrate = integrator(Config(tolerance=1e-6))
    there = flow(integrate, state.params["field"], jnp.array(x_test))[0]
    back = flow(integrate, state.params["field"], there, 1.0, 0.0)[0]
    assert abs(there - x_test).max() > 0.5
    assert abs(back - x_test).max() < 1e-4
