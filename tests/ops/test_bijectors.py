import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm
from scipy.stats import lognorm, multivariate_normal

from jaxicon.ops.bijectors import Bijector, affine_coupling, chain, log_density, stack, swap

EXP = Bijector(lambda z: (jnp.exp(z), z.sum()), lambda x: (jnp.log(x), -jnp.log(x).sum()))


def layer(params):
    """A coupling whose s and t are the two halves of tanh(W z_a), and the swap."""
    return chain(affine_coupling(lambda a: tuple(jnp.split(jnp.tanh(params @ a), 2))), swap)


def weights(key, layers, d):
    return jax.random.normal(key, (layers, 2 * (d - d // 2), d // 2))


@pytest.mark.system("gen.change_of_variables")
def test_the_exponential_of_a_gaussian_is_log_normal(x64):
    for x in (0.1, 0.9, 4.0):
        ours = log_density(EXP, lambda z: norm.logpdf(z, 0.3, 0.7).sum(), jnp.array([x]))
        np.testing.assert_allclose(ours, lognorm.logpdf(x, 0.7, scale=np.exp(0.3)), rtol=1e-12)


@pytest.mark.system("gen.change_of_variables")
def test_a_linear_map_of_a_gaussian_is_a_gaussian(x64):
    """x_b = 2 z_b + 3 z_a + 1, then the two change places."""
    bijector = chain(affine_coupling(lambda a: (jnp.log(jnp.array([2.0])), 3 * a + 1)), swap)
    matrix = np.array([[3.0, 2.0], [1.0, 0.0]])
    exact = multivariate_normal([1, 0], matrix @ matrix.T)
    for x in ([0.4, -1.2], [2.0, 0.3]):
        ours = log_density(bijector, lambda z: norm.logpdf(z).sum(), jnp.array(x))
        np.testing.assert_allclose(ours, exact.logpdf(x), rtol=1e-12)


@pytest.mark.parametrize("d", [2, 5, 6])
def test_log_determinant_is_that_of_the_jacobian_and_the_inverse_undoes_the_map(x64, key, d):
    params_key, z_key = jax.random.split(key)
    flow, z = stack(layer, weights(params_key, 4, d)), jax.random.normal(z_key, (8, d))

    def measured(z):
        x, log_det = flow.forward(z)
        return log_det, jax.jacobian(lambda z: flow.forward(z)[0])(z), *flow.inverse(x)

    log_det, jacobian, back, inverse_log_det = jax.jit(jax.vmap(measured))(z)
    exact = np.linalg.slogdet(np.asarray(jacobian))[1]
    assert (abs(exact) > 1e-3).all()
    np.testing.assert_allclose(log_det, exact, atol=1e-9)
    np.testing.assert_allclose(inverse_log_det, -exact, atol=1e-9)
    np.testing.assert_allclose(back, z, atol=1e-9)


def test_a_coupling_is_triangular_with_the_block_that_the_notes_leave_out(x64, key):
    z = jax.random.normal(key, (4,))
    s, t = lambda a: jnp.sin(a) * a[::-1], lambda a: a**2
    jacobian = np.asarray(jax.jacobian(lambda z: affine_coupling(lambda a: (s(a), t(a))).forward(z)[0])(z))
    a, b = z[:2], z[2:]
    block = jax.jacobian(t)(a) + jnp.diag(b * jnp.exp(s(a))) @ jax.jacobian(s)(a)
    exact = np.block([[np.eye(2), np.zeros((2, 2))], [np.asarray(block), np.diag(np.exp(s(a)))]])
    np.testing.assert_allclose(jacobian, exact, atol=1e-12)


@pytest.mark.system("gen.coupling_alternating")
@pytest.mark.parametrize(("d", "enough"), [(2, 3), (6, 3), (5, 6)])
def test_alternating_couplings_make_every_output_depend_on_every_input(x64, key, d, enough):
    """One changes a half, two change all; three mix everything, but more are needed where the halves are unequal."""
    params_key, z_key = jax.random.split(key)
    params, z = weights(params_key, enough, d), jax.random.normal(z_key, (d,))
    jacobian = lambda flow: np.asarray(jax.jit(jax.jacobian(lambda z: flow.forward(z)[0]))(z))
    inputs_of = lambda flow: (jacobian(flow) != 0).sum(1)
    assert (inputs_of(stack(layer, params[:1])) == 1).sum() == d // 2
    assert (inputs_of(stack(layer, params[:2])) > 1).all()
    assert (inputs_of(stack(layer, params)) == d).all()
    alone = chain(*[affine_coupling(lambda a, p=p: tuple(jnp.split(jnp.tanh(p @ a), 2))) for p in params])
    assert (inputs_of(alone) == 1).sum() == d // 2  # without the swap a half is never changed


def test_a_stack_is_the_chain_of_its_layers(x64, key):
    params_key, z_key = jax.random.split(key)
    params, z = weights(params_key, 3, 5), jax.random.normal(z_key, (5,))
    x = z
    total = 0.0
    for p in np.asarray(params):
        a, b = np.asarray(x[:2]), np.asarray(x[2:])
        s, t = np.split(np.tanh(p @ a), 2)
        x, total = np.concatenate([b * np.exp(s) + t, a]), total + s.sum()
    for flow in (stack(layer, params), chain(*[layer(p) for p in params])):
        ours, log_det = flow.forward(z)
        np.testing.assert_allclose(ours, x, atol=1e-12)
        np.testing.assert_allclose(log_det, total, atol=1e-12)
