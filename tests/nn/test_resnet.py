"""Sizes of the networks, and what a residual block is: the identity, and a little more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.nn.resnet import Block, of_depth, resnet


@pytest.mark.system("vision.resnet")
@pytest.mark.parametrize(
    ("depth", "count"),
    [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (152, 60_192_808)],
)
def test_number_of_parameters(key, depth, count):
    variables = jax.eval_shape(of_depth(depth).init, key, jnp.zeros((1, 64, 64, 3)))
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count


def test_no_network_of_another_depth():
    with pytest.raises(ConfigError, match="depth 20; expected one of 18, 34, 50, 101, 152"):
        of_depth(20)


@pytest.mark.slow
@pytest.mark.system("vision.residual_block")
@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_block_that_adds_nothing_is_the_identity_and_so_is_its_jacobian(key, x64, bottleneck):
    block = Block(2, 1, bottleneck)
    x = jnp.asarray(np.random.default_rng(0).uniform(0.1, 1, (1, 3, 3, 8 if bottleneck else 2)))
    variables = jax.jit(block.init, static_argnums=2)(key, x, False)
    silent = jax.tree.map(jnp.zeros_like, variables["params"])
    apply = lambda x: block.apply(variables | {"params": silent}, x, False)
    jacobian = jax.jacobian(apply)(x).reshape(x.size, x.size)
    np.testing.assert_array_equal(apply(x), x)
    np.testing.assert_array_equal(jacobian, np.eye(x.size))


def gradient_gain(blocks, x, train, identity):
    """How many times longer a random gradient is below fifty blocks than above; without the identity: relu(F(x))."""

    def layer(x, variables):
        last = lambda module, _: module.name == "bn2"  # its output is F(x)
        y, seen = Block(8).apply(
            variables, x, train, mutable=["batch_stats", "intermediates"], capture_intermediates=last
        )
        return y if identity else jax.nn.relu(seen["intermediates"]["bn2"]["__call__"][0]), None

    _, back = jax.vjp(lambda x: jax.lax.scan(layer, x, blocks)[0], x)
    above = jnp.asarray(np.random.default_rng(1).normal(size=x.shape))
    return jnp.linalg.norm(back(above)[0].ravel()) / jnp.linalg.norm(above.ravel())


@pytest.mark.system("vision.residual_block")
def test_gradients_pass_fifty_blocks_but_not_fifty_layers_without_the_identity(key, x64):
    """Random weights, F a tenth of its usual size. The plain net's gradients vanish, or explode with batch statistics
    (its layers are normalised whatever the size of F, and each makes the gradient a little longer)."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 4, 4, 8)))
    blocks = jax.jit(jax.vmap(lambda key: Block(8).init(key, x, False)))(jax.random.split(key, 50))
    blocks["params"]["bn2"]["scale"] *= 0.1
    gain = jax.jit(gradient_gain, static_argnums=(2, 3))
    assert 0.1 < gain(blocks, x, False, True) < 10
    assert 0.1 < gain(blocks, x, True, True) < 10
    assert gain(blocks, x, False, False) < 1e-10
    assert gain(blocks, x, True, False) > 1e3


@pytest.mark.system("vision.global_avg_pool")
def test_the_head_averages_over_places(key, x64):
    """Of 512 features only the means reach the classifier: with stride 1 in all layers, turning the image round
    and the kernels with it leaves the logits alone."""
    net = resnet((1,), 7, width=512, small_images=True)
    shapes = jax.eval_shape(net.init, key, jnp.zeros((1, 9, 9, 3)))["params"]["fc"]
    assert sum(x.size for x in jax.tree.leaves(shapes)) == 512 * 7 + 7
    small = resnet((1,), 7, width=4, small_images=True)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 6, 3)))
    variables = jax.jit(small.init)(key, x)
    turned = jax.tree.map(lambda p: jnp.rot90(p) if p.ndim == 4 else p, variables)
    np.testing.assert_allclose(
        small.apply(turned, jnp.rot90(x, axes=(1, 2))), small.apply(variables, x), rtol=1e-10, atol=1e-12
    )
