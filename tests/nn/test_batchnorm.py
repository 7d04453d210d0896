"""Batch normalisation against its two formulas in NumPy, and against Flax where the conventions agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxicon.nn.batchnorm import BatchNorm

RNG = np.random.default_rng(0)
BATCHES = RNG.normal(3, 2, (5, 4, 2, 3, 6))  # 24 values of each of six features
SCALE, BIAS = RNG.uniform(0.5, 2, 6), RNG.normal(size=6)


def run(momentum=0.9):
    """Outputs of five training batches, the variables after them."""
    layer = BatchNorm(momentum=momentum)
    zeros, ones = jnp.zeros(6), jnp.ones(6)
    variables = {
        "params": {"scale": jnp.asarray(SCALE), "bias": jnp.asarray(BIAS)},
        "batch_stats": {"mean": zeros, "var": ones},
    }
    outputs = []
    for x in BATCHES:
        y, updated = layer.apply(variables, jnp.asarray(x), True, mutable=["batch_stats"])
        variables = variables | updated
        outputs.append(np.asarray(y))
    return layer, outputs, variables


@pytest.mark.system("norm.batchnorm")
def test_training_gives_every_feature_the_mean_bias_and_the_deviation_scale(x64):
    for x, y in zip(BATCHES, run()[1], strict=True):
        shrunk = np.sqrt(x.var((0, 1, 2)) / (x.var((0, 1, 2)) + 1e-5))
        np.testing.assert_allclose(y.mean((0, 1, 2)), BIAS, atol=1e-12)
        np.testing.assert_allclose(y.std((0, 1, 2)), SCALE * shrunk, rtol=1e-12)


@pytest.mark.system("norm.batchnorm")
def test_inference_uses_running_means_of_the_unbiased_estimates(x64):
    layer, _, variables = run(momentum=0.8)
    mean, var = np.zeros(6), np.ones(6)
    for x in BATCHES:
        flat = x.reshape(-1, 6)
        mean, var = 0.8 * mean + 0.2 * flat.mean(0), 0.8 * var + 0.2 * flat.var(0, ddof=1)
    np.testing.assert_allclose(variables["batch_stats"]["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(variables["batch_stats"]["var"], var, rtol=1e-12)
    x = RNG.normal(size=(1, 6))  # a batch of one, and the statistics stay as they are
    y, updated = layer.apply(variables, jnp.asarray(x), False, mutable=["batch_stats"])
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5) * SCALE + BIAS, rtol=1e-12)
    jax.tree.map(np.testing.assert_array_equal, updated["batch_stats"], variables["batch_stats"])


def test_outputs_and_gradients_are_those_of_flax(x64):
    """Whose running variance alone differs, by the factor of the unbiased estimate."""
    x, weights = jnp.asarray(BATCHES[0]), jnp.asarray(RNG.normal(size=BATCHES[0].shape))
    ours, theirs = BatchNorm(), linen.BatchNorm(use_running_average=False, momentum=0.9, param_dtype=float)
    variables = run()[2]

    def value(layer, args, x):
        y, updated = layer.apply(variables, x, *args, mutable=["batch_stats"])
        return (y * weights).sum(), updated["batch_stats"]

    results = [jax.value_and_grad(value, 2, has_aux=True)(layer, a, x) for layer, a in ((ours, (True,)), (theirs, ()))]
    ((one, seen), gradient), ((other, biased), expected) = results
    np.testing.assert_allclose(one, other, rtol=1e-10)
    np.testing.assert_allclose(gradient, expected, atol=1e-10)
    np.testing.assert_allclose(seen["mean"], biased["mean"], rtol=1e-10)
    old = 0.9 * variables["batch_stats"]["var"]
    np.testing.assert_allclose(seen["var"] - old, (biased["var"] - old) * 24 / 23, rtol=1e-8)


def test_one_value_a_feature_cannot_be_normalised():
    layer, _, variables = run()
    with pytest.raises(ValueError, match=r"x \(1, 6\) has one value a feature"):
        layer.apply(variables, jnp.ones((1, 6)), True, mutable=["batch_stats"])
