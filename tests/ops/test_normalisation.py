"""Standardisation against scikit-learn; local response and layer normalisation against loops and PyTorch."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.ops.normalisation import layer_norm, local_response_norm, standardise, statistics

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "normalisation.npz")
RNG = np.random.default_rng(0)


@pytest.mark.system("norm.input_standardise")
@pytest.mark.parametrize("of", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_both_sets_are_scaled_by_the_training_set_as_in_scikit_learn(of, x64):
    from sklearn.preprocessing import StandardScaler

    train, test = RNG.normal([5, -3, 0, 0], [100, 0.01, 1, 0], (50, 4)), RNG.normal(size=(7, 4))
    train[:, 3] = 0.1  # the mean of fifty of these is not exactly 0.1
    scaler = StandardScaler().fit(train)
    found = statistics(of(train))
    np.testing.assert_allclose(found.mean, scaler.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.deviation, scaler.scale_, rtol=1e-12)
    ours = standardise(of(train), found)
    assert type(ours) is type(of(train))
    np.testing.assert_allclose(ours, scaler.transform(train), atol=1e-11)
    np.testing.assert_allclose(standardise(of(test), found), scaler.transform(test), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(ours.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(ours.std(0), [1, 1, 1, 0], atol=1e-12)


def test_a_constant_column_becomes_zero_in_float32():
    column = np.full((50, 1), 0.1, np.float32)
    scaled = standardise(column, statistics(column))
    assert scaled.dtype == np.float32
    assert abs(scaled).max() < 1e-7


def lrn_by_hand(a, size, alpha, beta, k):
    out = np.zeros_like(a)
    for place in np.ndindex(a.shape[:-1]):
        for i in range(a.shape[-1]):
            near = range(max(0, i - size // 2), min(a.shape[-1], i + size // 2 + 1))
            out[(*place, i)] = a[(*place, i)] / (k + alpha * sum(a[(*place, j)] ** 2 for j in near)) ** beta
    return out


@pytest.mark.system("norm.lrn")
def test_local_response_norm_is_the_loop_over_channels(x64):
    a = RNG.normal(size=(2, 3, 9)) * 30
    np.testing.assert_allclose(
        local_response_norm(jnp.asarray(a)), lrn_by_hand(a, 5, alpha=1e-4, beta=0.75, k=2.0), rtol=1e-12
    )
    other = dict(size=3, alpha=0.7, beta=1.3, k=0.2)
    np.testing.assert_allclose(local_response_norm(jnp.asarray(a), **other), lrn_by_hand(a, **other), rtol=1e-12)


@pytest.mark.system("norm.lrn")
@pytest.mark.parametrize("size", [1, 4, 5, 7])
def test_local_response_norm_is_pytorchs_of_alpha_times_the_size(size, x64):
    a = jnp.asarray(GOLDEN["x"])
    norm = lambda a: local_response_norm(a, size, alpha=0.1)
    np.testing.assert_allclose(norm(a), GOLDEN[f"lrn/{size}"], rtol=1e-12)
    gradient = jax.grad(lambda a: jnp.square(norm(a)).sum())(a)
    np.testing.assert_allclose(gradient, GOLDEN[f"lrn_grad/{size}"], rtol=1e-9, atol=1e-12)


@pytest.mark.system("norm.layernorm")
def test_layer_norm_is_pytorchs(x64):
    rows, scale, bias = (jnp.asarray(GOLDEN[name]) for name in ("rows", "scale", "bias"))
    np.testing.assert_allclose(layer_norm(rows, scale, bias), GOLDEN["layer"], rtol=1e-10)
    gradients = jax.grad(lambda *args: jnp.square(layer_norm(*args)).sum(), (0, 1, 2))(rows, scale, bias)
    for name, ours in zip(("rows", "scale", "bias"), gradients, strict=True):
        np.testing.assert_allclose(ours, GOLDEN[f"layer_grad/{name}"], rtol=1e-9, atol=1e-8)


@pytest.mark.system("norm.layernorm")
def test_layer_norm_sees_one_vector_and_neither_its_scale_nor_its_mean(x64):
    x, ones, zeros = jnp.asarray(RNG.normal(size=(4, 6))), jnp.ones(6), jnp.zeros(6)
    out = np.asarray(layer_norm(x, ones, zeros))
    np.testing.assert_allclose(layer_norm(x.at[1:].set(50.0), ones, zeros)[0], out[0], rtol=1e-14)
    np.testing.assert_allclose(layer_norm(7 * x - 3, ones, zeros, epsilon=0.0), layer_norm(x, ones, zeros, 0.0))
    np.testing.assert_allclose(out.mean(1), 0, atol=1e-14)
    np.testing.assert_allclose(out.var(1), x.var(1) / (x.var(1) + 1e-5), rtol=1e-12)
