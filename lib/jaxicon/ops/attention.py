"""Attention: a mean of values, weighted by how well their keys agree with a query; and many heads of it.

Notes    CS182 §6.5.3, §6.6, §6.7.2; DL4CV lecture 13; Deep-learning cookbook, Transformers
Paper    Vaswani et al. 2017, arXiv:1706.03762
Systems  seq.attn_layer_scaled seq.attn_layer_multiquery seq.attn_gradient_qkv seq.masked_attention
         seq.self_attention seq.multihead_attention seq.cross_attention
Idea     e_ij = q_i . k_j / sqrt(d),   a_ij = exp(e_ij) / sum_j exp(e_ij),   y_i = sum_j a_ij v_j                 (1)
         each head does (1) with queries, keys and values of its own; what all heads found is mixed linearly      (2)
Erratum  the Deep-learning cookbook scales by the size of the context, but d is the length of a query; its gradient with
         respect to k_j has a factor dy/dx too many: dL/dk_j = sum_i a_ij (g_i . v_j - g_i . y_i) q_i / sqrt(d)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxicon.ops.affine import affine

Memory = tuple[Float[Array, "*b h s k"], Float[Array, "*b h s k"]]  # keys and values of every head
Attend = Callable[[Float[Array, "t d"], Float[Array, "s d"], Float[Array, "s e"]], Float[Array, "t e"]]


def attention(
    q: Float[Array, "t d"], k: Float[Array, "s d"], v: Float[Array, "s e"], mask: Bool[Array, "t s"] | None = None
) -> Float[Array, "t e"]:
    """(1), where query i sees the keys j with mask[i, j]; y_i is 0 where it sees none."""
    scores = (q * q.shape[-1] ** -0.5) @ k.T
    if mask is not None:
        scores += jnp.where(mask, 0, -jnp.inf)  # cheaper than to select among the scores
    highest = jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    weights = jnp.exp(scores - jnp.where(highest == -jnp.inf, 0, highest))
    total = weights.sum(-1, keepdims=True)
    return weights @ v / jnp.where(total == 0, 1, total)  # divided last, where the array is smaller


def causal_mask(t: int) -> Bool[Array, "t t"]:
    """Each sees itself and what is before it."""
    return jnp.tril(jnp.ones((t, t), bool))


def causal(q: Float[Array, "t d"], k: Float[Array, "t d"], v: Float[Array, "t e"]) -> Float[Array, "t e"]:
    """`attention` under the causal mask; the first half of the queries is spared the second half of the keys."""
    mask, half = causal_mask(q.shape[0]), (q.shape[0] + 1) // 2
    first = attention(q[:half], k[:half], v[:half], mask[:half, :half])
    return jnp.concatenate([first, attention(q[half:], k, v, mask[half:])])


def heads(x: Float[Array, "*b t d"], *maps: dict) -> list[Float[Array, "*b h t k"]]:
    """Linear maps for every head, of parameters kernel [d, h, k] and bias [h, k]; all maps are one product."""
    kernel = jnp.concatenate([params["kernel"] for params in maps], axis=1)
    bias = jnp.concatenate([params["bias"] for params in maps])
    joint = affine(x, kernel.reshape(kernel.shape[0], -1), bias.ravel()).reshape(*x.shape[:-1], *bias.shape)
    return jnp.split(joint.swapaxes(-3, -2), len(maps), axis=-3)


def remember(params: dict, x: Float[Array, "*b s d"]) -> Memory:
    """What others may attend to in x."""
    return tuple(heads(x, params["key"], params["value"]))


def multihead(
    params: dict, x: Float[Array, "*b t d"], memory: Memory, attend: Attend = attention
) -> Float[Array, "*b t d"]:
    """(2): x attends to a memory, in self-attention its own: multihead(params, x, remember(params, x)).

    Parameters: query, key and value as `heads` has them; out: kernel [h, k, d], bias [d].
    attend: what a head does: `attention`, `causal`, or attention under a mask of one's own
    """
    (query,), kernel = heads(x, params["query"]), params["out"]["kernel"]
    every = (y.reshape(-1, *y.shape[-2:]) for y in (query, *memory))  # each head of each text
    found = jax.vmap(attend)(*every).reshape(query.shape).swapaxes(-3, -2)
    return affine(found.reshape(*x.shape[:-1], -1), kernel.reshape(-1, kernel.shape[-1]), params["out"]["bias"])
