import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.ops.affine import affine, rows


def normals(*shapes):
    draw = np.random.default_rng(0)
    return [draw.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("axes", [(), (5,), (4, 5), (2, 3, 5)])
def test_values_and_gradients_are_those_of_sums_over_all_rows(x64, axes):
    x, kernel, bias, g = normals((*axes, 3), (3, 2), (2,), (*axes, 2))
    expected = np.einsum("...d,dk->...k", x, kernel)
    np.testing.assert_allclose(affine(jnp.array(x), jnp.array(kernel)), expected, rtol=1e-12)
    value, pull = jax.vjp(affine, *map(jnp.array, (x, kernel, bias)))
    np.testing.assert_allclose(value, expected + bias, rtol=1e-12)
    of_x, of_kernel, of_bias = pull(jnp.array(g))
    np.testing.assert_allclose(of_x, np.einsum("...k,dk->...d", g, kernel), rtol=1e-12)
    pairs = list(zip(x.reshape(-1, 3), g.reshape(-1, 2), strict=True))
    np.testing.assert_allclose(of_kernel, sum(np.outer(a, b) for a, b in pairs), rtol=1e-12)
    np.testing.assert_allclose(of_bias, sum(b for _, b in pairs), rtol=1e-12)


def test_no_product_runs_over_several_axes():
    """Otherwise XLA's CPU backend copies an operand: what the file is for."""
    x, kernel, bias = (jnp.array(a) for a in normals((4, 5, 3), (3, 2), (2,)))
    equations = jax.make_jaxpr(jax.grad(lambda *args: (affine(*args) ** 2).sum(), (0, 1, 2)))(x, kernel, bias).eqns
    contracted = [e.params["dimension_numbers"][0][0] for e in equations if e.primitive.name == "dot_general"]
    assert [len(axes) for axes in contracted] == [1, 1, 1]


def test_rows_keep_their_order():
    x = np.arange(24).reshape(2, 3, 4) / 2
    np.testing.assert_array_equal(rows(jnp.array(x)), np.concatenate([x[0], x[1]]))
