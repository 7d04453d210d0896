"""A sum tree: non-negative numbers on the leaves, the sum of its children in every other node.

To change a leaf and to find the one that a given height of the total falls on both take a visit to every level. A node
has 16 children, side by side in the level below: 100,000 leaves take five levels.

Notes    RL & DL notebook U1
Paper    Schaul et al. 2016, arXiv:1511.05952, appendix B.2.1
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

CHILDREN = 16
Tree = tuple[Float[Array, "_"], ...]  # the levels from the leaves, padded with zeros, up to [total]


def zeros(leaves: int) -> Tree:
    """A tree whose leaves are 0."""
    nodes, levels = leaves, []
    while nodes > 1:
        nodes = -(-nodes // CHILDREN)
        levels.append(jnp.zeros(nodes * CHILDREN))
    return (*levels, jnp.zeros(1))


def total(tree: Tree) -> Float[Array, ""]:
    """The sum of all leaves."""
    return tree[-1][0]


def put(tree: Tree, index: Int[Array, "n"], value: Float[Array, "n"]) -> Tree:
    """New values on n leaves; those that are named more than once must be given the same value.

    Every node above them is added up anew from its children: rounding errors do not pile up, however often leaves
    change.
    """
    levels = [tree[0].at[index].set(value)]
    for level in tree[1:]:
        index = index // CHILDREN
        sums = levels[-1].reshape(-1, CHILDREN)[index].sum(-1)
        levels.append(level.at[index].set(sums))
    return tuple(levels)


def find(tree: Tree, height: Float[Array, "n"]) -> Int[Array, "n"]:
    """The leaves on which n heights in (0, total] fall: the first where the sum up to and with it is no less.

    A leaf of value 0 is never one, as long as another has more.
    """

    def down(level: Array, node: Array, height: Array) -> tuple[Array, Array]:
        sums = jnp.cumsum(level.reshape(-1, CHILDREN)[node], -1)
        height = jnp.minimum(height, sums[:, -1])  # the parent's sum may have been rounded otherwise
        child = (sums < height[:, None]).sum(-1)
        before = jnp.where(child > 0, jnp.take_along_axis(sums, child[:, None] - 1, 1)[:, 0], 0)
        return CHILDREN * node + child, height - before

    node = jnp.zeros(height.shape, int)
    for level in tree[-2::-1]:
        node, height = down(level, node, height)
    return node


def strata(key: jax.Array, tree: Tree, n: int) -> Int[Array, "n"]:
    """n leaves, each with probability leaf / total, one from every n-th part of the total: fewer repeat."""
    part = (jnp.arange(n) + 1 - jax.random.uniform(key, (n,))) / n  # in (0, 1]
    return find(tree, part * total(tree))
