import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import zscore

from jaxicon.core.errors import ConfigError
from jaxicon.nn.transformer import block, blocks, dropout, feed_forward, init_block, init_blocks, init_norm, layer_norm
from jaxicon.ops.attention import attention, causal

ONES = jnp.ones((2, 1, 1))


def test_layer_norm_standardises_features_with_epsilon_in_the_variance(x64, key):
    x = jax.random.normal(key, (4, 6)) * 3 + 1
    params = {"scale": jnp.linspace(1, 2, 6), "bias": jnp.linspace(-1, 1, 6)}
    expected = zscore(x, axis=1) * np.linspace(1, 2, 6) + np.linspace(-1, 1, 6)
    np.testing.assert_allclose(layer_norm(params, x), expected, rtol=1e-4)
    small = jnp.array([1e-3, -1e-3])  # variance 1e-6, a tenth of epsilon
    np.testing.assert_allclose(layer_norm(init_norm(2), small), np.array([1, -1]) * np.sqrt(1 / 11), rtol=1e-12)


def test_a_block_whose_branches_write_nothing_is_the_identity(x64, key):
    x_key, key = jax.random.split(key)
    params, x = init_block(key, 8, 2), jax.random.normal(x_key, (5, 8))
    assert abs(block(params, x, attention, ONES)[0] - x).max() > 1e-6
    params["attention"]["out"]["kernel"] = jnp.zeros((2, 4, 8))
    params["feed_forward"]["down"]["kernel"] = jnp.zeros((32, 8))
    np.testing.assert_array_equal(block(params, x, attention, ONES)[0], x)


def test_noise_scales_each_branch(x64, key):
    """Dropping a branch leaves the other's: the two are added, attention first."""
    x_key, key = jax.random.split(key)
    params, x = init_block(key, 8, 2, 1.0), jax.random.normal(x_key, (5, 8))
    with_noise = lambda a, f: block(params, x, causal, jnp.array([a, f])[:, None, None])[0]
    np.testing.assert_array_equal(with_noise(0.0, 0.0), x)
    alone = feed_forward(params["feed_forward"], layer_norm(params["feed_forward_norm"], x))
    np.testing.assert_allclose(with_noise(0.0, 2.0) - x, 2 * alone, atol=1e-12)
    half = with_noise(0.5, 0.0)
    np.testing.assert_allclose(2 * (half - x), with_noise(1.0, 0.0) - x, atol=1e-12)
    after = feed_forward(params["feed_forward"], layer_norm(params["feed_forward_norm"], half))
    np.testing.assert_allclose(with_noise(0.5, 1.0), half + after, atol=1e-12)


def test_blocks_follow_each_other(x64, key):
    x_key, key = jax.random.split(key)
    params, x = init_blocks(key, 3, 8, 2), jax.random.normal(x_key, (5, 8))
    expected = x
    for i in range(3):
        layer = jax.tree.map(lambda p, i=i: p[i], params)
        expected, _ = block(layer, expected, causal, ONES)
    np.testing.assert_allclose(blocks(params, x, causal, jnp.ones((3, 2, 1, 1))), expected, atol=1e-12)


def test_initial_branches_share_the_residual_stream(key):
    """GPT-2's standard deviations, four times as wide at a sixteenth of its width."""
    params = init_blocks(key, 8, 48, 4)
    for kernel, std in (
        (params["attention"]["query"]["kernel"], 0.08),
        (params["feed_forward"]["up"]["kernel"], 0.08),
        (params["attention"]["out"]["kernel"], 0.02),  # 0.08 / sqrt(2 * 8)
        (params["feed_forward"]["down"]["kernel"], 0.02),
    ):
        np.testing.assert_allclose(kernel.std((1, 2, 3) if kernel.ndim == 4 else (1, 2)), std, rtol=0.1)
    with pytest.raises(ConfigError, match="a width of 48 does not divide into 5 heads"):
        init_blocks(jax.random.clone(key), 8, 48, 5)
    assert len({float(k[0, 0]) for k in params["feed_forward"]["up"]["kernel"]}) == 8


def test_dropout_is_unbiased_and_of_the_rate_asked_for(key):
    noise = np.asarray(dropout(key, (200, 500), 0.2))
    values, counts = np.unique(noise, return_counts=True)
    np.testing.assert_allclose(values, [0, 1.25])
    assert abs(counts[0] / 1e5 - 0.2) < 0.006  # four and a half standard deviations


def test_at_rate_zero_nothing_is_drawn(key):
    draw = jax.jit(dropout, static_argnums=(1, 2))
    np.testing.assert_array_equal(draw(jax.random.clone(key), (4, 5), 0.0), np.ones((4, 5)))
    ciphers = [" xor(" in draw.lower(key, (4, 5), rate).compile().as_text() for rate in (0.0, 0.5)]
    assert ciphers == [False, True]
