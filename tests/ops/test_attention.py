from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.ops.attention import attention, causal, causal_mask, multihead, remember

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "gpt.npz")


def normals(key, *shapes):
    return [jax.random.normal(k, shape) for k, shape in zip(jax.random.split(key, len(shapes)), shapes, strict=True)]


def by_hand(q, k, v, mask):
    """(1), a query and a key at a time."""
    q, k, v = map(np.asarray, (q, k, v))
    out = np.zeros((len(q), v.shape[1]))
    for i, query in enumerate(q):
        seen = [j for j in range(len(k)) if mask[i, j]]
        agreement = [np.exp(query @ k[j] / np.sqrt(len(query))) for j in seen]
        for j, a in zip(seen, agreement, strict=True):
            out[i] += a / sum(agreement) * v[j]
    return out


@pytest.mark.slow
@pytest.mark.system("seq.attn_layer_scaled", "seq.attn_layer_multiquery")
def test_equals_a_loop_over_queries_and_keys(x64, key):
    mask_key, key = jax.random.split(key)
    q, k, v = normals(key, (5, 3), (4, 3), (4, 2))
    mask = jax.random.bernoulli(mask_key, 0.5, (5, 4)).at[3].set(False)
    assert 0 < mask.sum(1).max() < 4
    np.testing.assert_allclose(attention(q, k, v), by_hand(q, k, v, np.ones((5, 4))), atol=1e-12)
    np.testing.assert_allclose(attention(q, k, v, mask), by_hand(q, k, v, mask), atol=1e-12)
    theirs = jax.nn.dot_product_attention(
        q[None, :, None], k[None, :, None], jnp.pad(v, ((0, 0), (0, 1)))[None, :, None]
    )
    np.testing.assert_allclose(attention(q, k, v), theirs[0, :, 0, :2], atol=1e-6)  # whose softmax is float32


@pytest.mark.system("seq.attn_layer_scaled")
@pytest.mark.parametrize("d", [4, 400])
def test_the_scale_keeps_the_scores_variance_at_one(x64, key, d):
    q, k = normals(key, (200, d), (200, d))
    y = attention(q, k, jnp.eye(200))  # the weights themselves
    scores = jnp.log(y) - jnp.log(y).mean(1, keepdims=True)
    assert float(scores.var()) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@pytest.mark.system("seq.masked_attention")
@pytest.mark.parametrize("attend", [partial(attention, mask=causal_mask(6)), causal], ids=["masked", "causal"])
def test_under_the_causal_mask_nothing_comes_from_later(x64, key, attend):
    x = jax.random.normal(key, (6, 3))
    influence = abs(jax.jacobian(lambda x: attend(x, x, x))(x)).max((1, 3))
    assert (jnp.triu(influence, 1) == 0).all()
    assert (jnp.tril(influence) > 0).sum() == 21
    np.testing.assert_allclose(attend(x, x, x)[0], x[0], rtol=1e-15)


@pytest.mark.slow
@pytest.mark.system("seq.masked_attention")
@pytest.mark.parametrize("t", [1, 4, 7])
def test_causal_attention_in_halves_equals_the_loop(x64, key, t):
    q, k, v = normals(key, (t, 3), (t, 3), (t, 2))
    np.testing.assert_allclose(causal(q, k, v), by_hand(q, k, v, np.tri(t)), atol=1e-12)


def test_what_sees_nothing_is_zero_and_has_no_gradient(x64, key):
    q, k, v = normals(key, (2, 3), (4, 3), (4, 2))
    mask = jnp.array([[False] * 4, [True, True, False, False]])
    total = lambda q, k, v: attention(q, k, v, mask)[0].sum()
    assert (attention(q, k, v, mask)[0] == 0).all()
    assert all((g == 0).all() for g in jax.grad(total, (0, 1, 2))(q, k, v))


def test_large_scores_do_not_overflow(key):
    q = jnp.array([[1e4], [-1e4]])
    k, v = jnp.array([[1.0], [2.0], [-1.0]]), jnp.eye(3)
    np.testing.assert_array_equal(attention(q, k, v), [[0, 1, 0], [0, 0, 1]])
    gradient = jax.grad(lambda q: attention(q, k, v)[0, 0])(q)
    assert np.isfinite(gradient).all()


@pytest.mark.system("seq.attn_gradient_qkv")
def test_gradients_have_their_closed_form(x64, key):
    """Of L = sum g_i . y_i, with the weights a_ij and d = 3."""
    q, k, v, g = normals(key, (5, 3), (4, 3), (4, 2), (5, 2))
    ours = jax.grad(lambda q, k, v: (g * attention(q, k, v)).sum(), (0, 1, 2))(q, k, v)
    q, k, v, g = map(np.asarray, (q, k, v, g))
    a = np.exp(q @ k.T / np.sqrt(3))
    a = a / a.sum(1, keepdims=True)
    y, expected = a @ v, [np.zeros_like(z) for z in (q, k, v)]
    for i, j in np.ndindex(a.shape):
        gain = a[i, j] * (g[i] @ v[j] - g[i] @ y[i]) / np.sqrt(3)
        expected[0][i] += gain * k[j]
        expected[1][j] += gain * q[i]
        expected[2][j] += a[i, j] * g[i]
    for found, right in zip(ours, expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-12)


def ours(kind: str) -> dict:
    """torch.nn.MultiheadAttention's weights or gradients as `multihead` has them: 8 features, 2 heads."""
    packed, bias = GOLDEN[f"attention/{kind}/in_proj_weight"], GOLDEN[f"attention/{kind}/in_proj_bias"]
    names = zip(("query", "key", "value"), np.split(packed, 3), np.split(bias, 3), strict=True)
    params = {name: {"kernel": w.T.reshape(8, 2, 4), "bias": b.reshape(2, 4)} for name, w, b in names}
    kernel = GOLDEN[f"attention/{kind}/out_proj.weight"].T.reshape(2, 4, 8)
    out = {"kernel": kernel, "bias": GOLDEN[f"attention/{kind}/out_proj.bias"]}
    return jax.tree.map(jnp.asarray, params | {"out": out})


@pytest.mark.slow
@pytest.mark.system("seq.multihead_attention", "seq.self_attention", "seq.cross_attention")
def test_heads_are_those_of_torch(x64):
    def results(params, x, memory):
        one = lambda x, memory, mask: multihead(params, x, remember(params, memory), partial(attention, mask=mask))
        crossed = jax.vmap(one, (0, 0, None))(x, memory, jnp.asarray(GOLDEN["mask_crossed"]))
        itself = jax.vmap(one, (0, 0, None))(x, x, jnp.asarray(GOLDEN["mask_itself"]))
        return (crossed**2).sum() + (itself**2).sum(), (crossed, itself)

    inputs = ours("weight"), jnp.asarray(GOLDEN["x"]), jnp.asarray(GOLDEN["memory"])
    gradients, outputs = jax.grad(results, (0, 1, 2), has_aux=True)(*inputs)
    expected = (ours("grad"), GOLDEN["x_grad"], GOLDEN["memory_grad"]), (GOLDEN["crossed"], GOLDEN["itself"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10, rtol=1e-10), (gradients, outputs), expected)


@pytest.mark.system("seq.self_attention", "seq.cross_attention")
def test_order_matters_to_the_queries_and_not_to_the_memory(x64, key):
    params, x, memory = ours("weight"), jnp.asarray(GOLDEN["x"][0]), jnp.asarray(GOLDEN["memory"][0])
    p, q = np.array([3, 1, 4, 0, 2]), np.array([2, 0, 3, 1])
    run = jax.jit(lambda x, memory: multihead(params, x, remember(params, memory)))
    np.testing.assert_allclose(run(x[p], memory[q]), run(x, memory)[p], atol=1e-12)
    np.testing.assert_allclose(run(x[p], x[p]), run(x, x)[p], atol=1e-12)


@pytest.mark.system("seq.multihead_attention")
def test_the_paper_s_size_has_its_parameters():
    import math

    from jaxicon.nn.transformer import init_block

    attention = jax.eval_shape(lambda: init_block(jax.random.key(0), 512, 8))["attention"]
    assert attention["query"]["kernel"].shape == (512, 8, 64)
    assert sum(math.prod(x.shape) for x in jax.tree.leaves(attention)) == 1_050_624 == 4 * (512 * 512 + 512)
