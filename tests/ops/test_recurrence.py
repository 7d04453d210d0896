import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.ops.recurrence import gru, gru_init, gru_inputs, unroll, weights


def random_gru(key, inputs=3, units=4):
    init_key, bias_key = jax.random.split(key)
    params = gru_init(init_key, inputs, units)
    return params | {"bias": jax.random.normal(bias_key, params["bias"].shape)}


def by_hand(params, h, x):
    """One step, one number at a time, from the formulas of the notes."""
    W, G, C, b = (np.asarray(params[name]) for name in ("input", "gates", "candidate", "bias"))
    n = len(h)
    sigmoid = lambda a: 1 / (1 + math.exp(-a))
    from_x = lambda column: b[column] + sum(x[i] * W[i, column] for i in range(len(x)))
    z = [sigmoid(from_x(j) + sum(h[i] * G[i, j] for i in range(n))) for j in range(n)]
    r = [sigmoid(from_x(n + j) + sum(h[i] * G[i, n + j] for i in range(n))) for j in range(n)]
    new = [math.tanh(from_x(2 * n + j) + sum(r[i] * h[i] * C[i, j] for i in range(n))) for j in range(n)]
    return [z[j] * h[j] + (1 - z[j]) * new[j] for j in range(n)]


@pytest.mark.system("seq.gru")
def test_gru_equals_a_loop_over_numbers(x64, key):
    params_key, x_key = jax.random.split(key)
    params, x = random_gru(params_key), jax.random.normal(x_key, (5, 3))
    step = lambda h, x: gru(params, h, gru_inputs(params, x))
    states = unroll(step, jnp.zeros(4), x, jnp.ones(5, bool))
    h = [0.0] * 4
    for row, state in zip(np.asarray(x), states, strict=True):
        h = by_hand(params, h, row)
        np.testing.assert_allclose(state, h, rtol=1e-12)


@pytest.mark.system("seq.gru")
def test_gates_do_what_they_are_for(x64, key):
    params = random_gru(key)
    h, other, x = jnp.array([0.3, -0.8, 0.5, 0.9]), jnp.array([-0.1, 0.2, 0.7, -0.6]), jnp.array([1.0, -2.0, 0.5])
    gates = lambda z, r: params | {"bias": jnp.concatenate([jnp.full(4, z), jnp.full(4, r), params["bias"][8:]])}
    run = lambda params, h: gru(params, h, gru_inputs(params, x))
    np.testing.assert_array_equal(run(gates(60.0, 0.0), h), h)  # z = 1 copies the state
    forgetful = gates(-800.0, -800.0)  # z = r = 0: a new start from the input alone
    np.testing.assert_array_equal(run(forgetful, h), run(forgetful, other))
    assert abs(run(gates(-800.0, 0.0), h) - run(gates(-800.0, 0.0), other)).max() > 0.01
    assert sum(p.size for p in params.values()) == 3 * (4 * (4 + 3) + 4)


def test_unroll_passes_over_padding(x64, key):
    params_key, x_key = jax.random.split(key)
    params = random_gru(params_key)
    inputs = jax.vmap(partial(gru_inputs, params))(jax.random.normal(x_key, (6, 3)))
    mask = jnp.array([True, False, True, True, False, False])
    states = unroll(partial(gru, params), jnp.full(4, 0.5), inputs, mask)
    short = unroll(partial(gru, params), jnp.full(4, 0.5), inputs[mask], jnp.ones(3, bool))
    np.testing.assert_array_equal(states, short[jnp.array([0, 0, 1, 2, 2, 2])])


def test_weights_have_variance_one_over_inputs(key):
    drawn = weights(key, {"a": (100, 300), "b": (400, 50), "c": (900,)})
    assert {name: w.shape for name, w in drawn.items()} == {"a": (100, 300), "b": (400, 50), "c": (900,)}
    for w in drawn.values():
        assert float(w.std()) * math.sqrt(len(w)) == pytest.approx(1, abs=4.5 / math.sqrt(2 * w.size))
    whole = np.concatenate([w.ravel() for w in drawn.values()])
    assert len(np.unique(whole)) > 0.99 * len(whole)
