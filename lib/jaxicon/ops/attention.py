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

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Memory = tuple[Float[Array, "*layers h s k"], Float[Array, "*layers h s k"]]  # keys and values of every head


def attention(
    q: Float[Array, "t d"], k: Float[Array, "s d"], v: Float[Array, "s e"], mask: Bool[Array, "t s"] | None = None
) -> Float[Array, "t e"]:
    """(1), where query i sees the keys j with mask[i, j]; y_i is 0 where it sees none."""
    scores = (q * q.shape[-1] ** -0.5) @ k.T
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf)
    highest = jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    weights = jnp.exp(scores - jnp.where(highest == -jnp.inf, 0, highest))
    total = weights.sum(-1, keepdims=True)
    return weights @ v / jnp.where(total == 0, 1, total)  # divided last, where the array is smaller


def causal_mask(t: int) -> Bool[Array, "t t"]:
    """Each sees itself and what is before it."""
    return jnp.tril(jnp.ones((t, t), bool))


def heads(params: dict, x: Float[Array, "t d"]) -> Float[Array, "h t k"]:
    """A linear map for every head, of parameters kernel [d, h, k] and bias [h, k]."""
    return jnp.einsum("td,dhk->htk", x, params["kernel"]) + params["bias"][:, None]


def remember(params: dict, x: Float[Array, "s d"]) -> Memory:
    """What others may attend to in x."""
    return heads(params["key"], x), heads(params["value"], x)


def multihead(
    params: dict, x: Float[Array, "t d"], memory: Memory, mask: Bool[Array, "t s"] | None = None
) -> Float[Array, "t d"]:
    """(2): x attends to a memory, in self-attention its own: multihead(params, x, remember(params, x)).

    Parameters: query, key and value as `heads` has them; out: kernel [h, k, d], bias [d].
    """
    found = jax.vmap(attention, (0, 0, 0, None))(heads(params["query"], x), *memory, mask)
    return jnp.einsum("htk,hkd->td", found, params["out"]["kernel"]) + params["out"]["bias"][None]
