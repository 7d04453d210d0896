"""Dropout against all masks written out in NumPy and Python, against flax for the same mask, and a step by hand."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from scipy.special import log_softmax

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.method import varied
from jaxicon.core.run import train
from jaxicon.core.stream import resident, synthetic
from jaxicon.foundations.dropout import (
    Config,
    draw,
    dropout,
    geometric_mean,
    inverted,
    masks,
    probability,
    thinned,
    vanilla,
    weight_scaled,
)


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (8, 5)), jnp.arange(8) % 3))
    return dropout(Config(hidden=(6, 4)), classes=3), stream


def layers(params):
    rows = [params["params"][f"Dense_{i}"] for i in range(len(params["params"]))]
    return [(np.asarray(layer["kernel"]), np.asarray(layer["bias"])) for layer in rows]


def by_hand(params, x, kept, keeps):
    """Outputs of a thinned network: the columns of the lost units are struck out of every weight matrix."""
    h = np.asarray(x)
    for i, ((kernel, bias), mask, keep) in enumerate(zip(layers(params), kept, keeps, strict=True)):
        h = np.maximum(h, 0) if i else h
        alive = [j for j, m in enumerate(np.asarray(mask)) if m]
        h = sum((h[j] * kernel[j] for j in alive), np.zeros(len(bias))) / keep + bias
    return h


@pytest.mark.system("reg.dropout")
@pytest.mark.parametrize("keep", [0.3, 0.5, 0.8])
def test_the_mean_over_all_masks_is_the_output_at_test(x64, keep):
    h = np.array([1.5, -0.7, 0.2, 3.0])
    weight = lambda m: np.prod([keep if kept else 1 - keep for kept in m])
    everything = [(np.array(m, bool), weight(m)) for m in product([0, 1], repeat=4)]
    training = sum(w * np.asarray(vanilla(jnp.array(h), m)) for m, w in everything)
    np.testing.assert_allclose(training, keep * h, atol=1e-12)
    np.testing.assert_allclose(weight_scaled(jnp.array(h), keep), keep * h, atol=1e-12)
    training = sum(w * np.asarray(inverted(jnp.array(h), m, keep)) for m, w in everything)
    np.testing.assert_allclose(training, h, atol=1e-12)


@pytest.mark.system("reg.dropout")
def test_drawn_masks_keep_their_share_and_are_independent(key):
    params = example()[0].init(jax.random.key(1), (jnp.ones((1, 5)), jnp.zeros(1, jnp.int32))).params
    count, keeps = 20_000, (0.9, 0.5, 0.2)
    drawn = jax.vmap(lambda k: draw(k, params, keeps))(jax.random.split(key, count))
    assert [m.shape for m in drawn] == [(count, 5), (count, 6), (count, 4)]
    for mask, keep in zip(drawn, keeps, strict=True):
        error = np.sqrt(keep * (1 - keep) / count)
        np.testing.assert_allclose(np.mean(mask, axis=0), keep, atol=4.5 * error)
    together = np.corrcoef(np.concatenate(drawn, axis=1), rowvar=False) - np.eye(15)
    assert abs(together).max() < 4.5 / np.sqrt(count)


@pytest.mark.system("reg.dropout")
def test_equals_flax_for_the_same_mask(key):
    h = jax.random.normal(jax.random.key(1), (5, 7))
    out = linen.Dropout(rate=0.3, deterministic=False).apply({}, h, rngs={"dropout": key})
    np.testing.assert_allclose(inverted(h, out != 0, 0.7), out, rtol=1e-6)
    assert 0 < (out == 0).mean() < 1


@pytest.mark.system("reg.dropout")
def test_a_thinned_network_is_the_network_without_the_units_that_left(key, x64):
    method, _ = example()
    state = method.init(key, (jnp.ones((1, 5)), jnp.zeros(1, jnp.int32)))
    x, keeps = jax.random.normal(jax.random.key(2), (5,)), (0.8, 0.5, 0.4)
    for seed in range(10):
        kept = draw(jax.random.key(seed), state.params, keeps)
        outputs = thinned(state.params, x, kept, keeps)
        np.testing.assert_allclose(outputs, by_hand(state.params, x, kept, keeps), atol=1e-12)
    whole = [np.ones(n, bool) for n in (5, 6, 4)], (1.0, 1.0, 1.0)
    np.testing.assert_allclose(method.predict(state, x[None])[0], by_hand(state.params, x, *whole), atol=1e-12)


@pytest.mark.slow
@pytest.mark.system("reg.dropout")
def test_a_step_descends_the_loss_of_thinned_networks_and_evaluation_draws_nothing(key, x64):
    """The loss of one step is its expectation over masks, to Monte-Carlo error, when the masks are many examples."""
    config = Config(hidden=(3,), keep=0.5, input_keep=0.8)
    method, keeps = dropout(config, classes=2), (0.8, 0.5)
    x, y = jnp.array([[0.4, -1.0]]), jnp.array([1])
    state = method.init(key, (x, y))
    exact, square = 0.0, 0.0
    for m in product([0, 1], repeat=5):
        weight = np.prod([k if kept else 1 - k for kept, k in zip(m, [0.8] * 2 + [0.5] * 3, strict=True)])
        value = -log_softmax(by_hand(state.params, x[0], (m[:2], m[2:]), keeps))[1]
        exact, square = exact + weight * value, square + weight * value**2
    count = 40_000
    many = jnp.repeat(x, count, 0), jnp.repeat(y, count)
    loss = method.step(jax.random.key(5), state, many)[1]["loss"]
    assert loss == pytest.approx(exact, abs=4.5 * np.sqrt((square - exact**2) / count))
    measured = [float(method.evaluate(jax.random.key(s), state, (x, y))["loss"]) for s in (6, 7)]
    whole = by_hand(state.params, x[0], ([1, 1], [1, 1, 1]), (1.0, 1.0))
    assert measured == pytest.approx([-log_softmax(whole)[1]] * 2, abs=1e-12)
    assert abs(exact - measured[0]) > 0.01  # or the first comparison says little


@pytest.mark.system("reg.dropout_ensemble")
@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_the_geometric_mean_of_all_thinned_networks_is_the_weight_scaled_one(x64, keep):
    random = np.random.default_rng(0)
    h, kernel, bias = random.normal(size=9), random.normal(size=(9, 4)), random.normal(size=4)
    product_of_all = np.ones(4)  # prod_m p(y | h, m)^p(m)
    for m in product([0, 1], repeat=9):
        p = np.exp(log_softmax((np.array(m) * h) @ kernel + bias))
        product_of_all *= p ** np.prod([keep if kept else 1 - keep for kept in m])
    expected = product_of_all / product_of_all.sum()
    np.testing.assert_allclose(np.exp(log_softmax(keep * h @ kernel + bias)), expected, atol=1e-10)

    every = masks(9)
    log_p = jax.nn.log_softmax(jax.vmap(lambda m: vanilla(jnp.array(h), m) @ kernel + bias)(every))
    np.testing.assert_allclose(jnp.exp(geometric_mean(log_p, probability(every, keep))), expected, atol=1e-10)
    np.testing.assert_allclose(jax.nn.softmax(weight_scaled(jnp.array(h), keep) @ kernel + bias), expected, atol=1e-10)
    arithmetic = np.asarray(probability(every, keep)) @ np.exp(np.asarray(log_p))
    assert abs(arithmetic - expected).max() > 0.01  # the other mean is another


@pytest.mark.system("reg.dropout_ensemble")
def test_all_masks_are_there_once():
    assert sorted(map(tuple, masks(4).astype(int))) == list(product([0, 1], repeat=4))
    assert probability(masks(4), 0.3).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_with_all_units_kept_it_learns_exclusive_or(key):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    method = dropout(Config(hidden=(16,), keep=1.0, input_keep=1.0, learning_rate=1e-2), classes=2)
    state, _ = train(key, method, resident((x, np.array([0, 1, 1, 0])), 16), 500)
    np.testing.assert_array_equal(method.predict(state, jnp.array(x)).argmax(-1), [0, 1, 1, 0])


def test_the_probability_to_stay_can_be_swept(key):
    """Each configuration alone gives the numbers that it gives beside another."""
    configs = [Config(hidden=(6,), keep=keep, input_keep=1.0) for keep in (1.0, 0.5)]
    _, stream = example()
    both = train(jax.random.clone(key), varied(lambda c: dropout(c, 3), configs), stream, 3)[1]["loss"]
    alone = [train(jax.random.clone(key), dropout(c, 3), stream, 3)[1]["loss"] for c in configs]
    np.testing.assert_allclose(both, np.stack(alone, axis=-1), rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": 0.0}, "dropout: keep is 0.0; expected a finite number above 0"),
        ({"keep": 1.5}, "dropout: keep is 1.5; expected 0 <= keep <= 1"),
        ({"input_keep": -0.1}, "dropout: input_keep is -0.1"),
        ({"learning_rate": 0.0}, "dropout: learning_rate is 0.0"),
    ],
)
def test_numbers_that_cannot_be(wrong, message):
    with pytest.raises(ConfigError, match=message):
        dropout(Config(**wrong), classes=3)


def test_data_and_sizes_that_cannot_be(key):
    with pytest.raises(DataError, match=r"dropout: x has shape \(4, 2, 2\)"):
        dropout(Config(), 3).init(key, (np.ones((4, 2, 2)), np.zeros(4, np.int32)))
    with pytest.raises(ConfigError, match="masks: n is 21"):
        masks(21)
