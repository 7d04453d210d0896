import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.generative.realnvp import Config, flow, realnvp


def example():
    points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    return realnvp(Config(layers=3, hidden=(6,))), epochs(points, 5)


def random_state(key, layers=4, d=6, scale=0.8):
    """A flow with random weights everywhere: the one of `init` only swaps."""
    init_key, weight_key = jax.random.split(key)
    state = jax.jit(realnvp(Config(layers=layers, hidden=(16, 16))).init)(init_key, jnp.zeros((1, d)))
    leaves, tree = jax.tree.flatten(state.params)
    keys = jax.random.split(weight_key, len(leaves))
    noise = [scale * jax.random.normal(k, x.shape) / x.shape[-1] ** 0.25 for k, x in zip(keys, leaves, strict=True)]
    return state._replace(params=jax.tree.unflatten(tree, noise))


def by_hand(params, x):
    """log p(x) of one vector by loops over layers and neurons' vectors, in NumPy."""
    params = jax.tree.map(np.asarray, params)
    silu = lambda x: x / (1 + np.exp(-x))
    dense, half, total = params["network"]["params"], len(x) // 2, 0.0
    for i in reversed(range(len(params["scale"]))):
        x = np.concatenate([x[-half:], x[:-half]])
        h = x[:half]
        for name in ("Dense_0", "Dense_1"):
            h = silu(h @ dense[name]["kernel"][i] + dense[name]["bias"][i])
        s, t = np.split(h @ dense["Dense_2"]["kernel"][i] + dense["Dense_2"]["bias"][i], 2)
        s = params["scale"][i] * np.tanh(s)
        x, total = np.concatenate([x[:half], (x[half:] - t) / np.exp(s)]), total - s.sum()
    return total - (x**2).sum() / 2 - len(x) / 2 * np.log(2 * np.pi)


@pytest.mark.slow
@pytest.mark.system("gen.realnvp")
@pytest.mark.parametrize("d", [5, 6])
def test_log_determinant_and_inverse_are_exact(x64, key, d):
    state_key, z_key = jax.random.split(key)
    bijector, z = flow(random_state(state_key, d=d).params), jax.random.normal(z_key, (8, d))

    def measured(z):
        x, log_det = bijector.forward(z)
        return log_det, jax.jacobian(lambda z: bijector.forward(z)[0])(z), *bijector.inverse(x)

    log_det, jacobian, back, inverse_log_det = jax.jit(jax.vmap(measured))(z)
    exact = np.linalg.slogdet(np.asarray(jacobian))[1]
    assert abs(exact).mean() > 0.5
    np.testing.assert_allclose(log_det, exact, atol=1e-9)
    np.testing.assert_allclose(inverse_log_det, -exact, atol=1e-9)
    np.testing.assert_allclose(back, z, atol=1e-9)


@pytest.mark.system("gen.realnvp")
@pytest.mark.parametrize("d", [2, 5])
def test_log_prob_is_that_of_a_loop_over_layers(x64, key, d):
    state_key, x_key = jax.random.split(key)
    state, x = random_state(state_key, d=d), jax.random.normal(x_key, (4, d))
    ours = jax.jit(realnvp(Config()).log_prob)(state, x)
    np.testing.assert_allclose(ours, [by_hand(state.params, row) for row in np.asarray(x)], rtol=1e-10)


@pytest.mark.slow
@pytest.mark.system("gen.realnvp")
def test_the_density_integrates_to_one_and_is_that_of_the_samples(x64, key):
    state_key, sample_key = jax.random.split(key)
    method, state = realnvp(Config()), random_state(state_key, layers=3, d=2, scale=0.6)
    samples = np.asarray(jax.jit(method.sample, static_argnums=2)(sample_key, state, 4000))
    edge, step = 1.5 * abs(samples).max() + 4, 0.05
    axis = np.arange(-edge, edge, step)
    grid = jnp.asarray(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2))
    p = np.exp(np.asarray(jax.jit(method.log_prob)(state, grid))) * step**2
    np.testing.assert_allclose(p.sum(), 1, atol=1e-3)
    mean = p @ grid
    cov = (p[:, None] * (grid - mean[None])).T @ (grid - mean[None])
    error = np.sqrt(np.diag(cov) / 4000)
    assert (abs(samples.mean(0) - mean) < 4 * error).all()
    np.testing.assert_allclose(np.cov(samples.T), cov, atol=0.15 * np.diag(cov).max())


def test_begins_as_a_gaussian(key):
    method, _ = example()
    state = jax.jit(method.init)(key, jnp.zeros((1, 3)))
    x = jnp.array([[0.5, -1.0, 2.0]])
    np.testing.assert_allclose(method.log_prob(state, x), -5.25 / 2 - 1.5 * np.log(2 * np.pi), rtol=1e-6)


def test_a_single_number_has_no_halves(key):
    with pytest.raises(DataError, match="at least 2"):
        realnvp(Config()).init(key, jnp.zeros((4, 1)))


def banana(key):
    """x_2 given x_1 is N(x_1^2 - 1, 0.3^2), x_1 is N(0, 1): a density that one coupling can express."""
    z = jax.random.normal(key, (128, 2))
    return jnp.stack([z[:, 0], z[:, 0] ** 2 - 1 + 0.3 * z[:, 1]], axis=1)


@pytest.mark.system("gen.realnvp")
def test_learns_a_density_whose_entropy_is_known(key):
    run_key, test_key = jax.random.split(key)
    method = realnvp(Config(layers=4, hidden=(32,), learning_rate=1e-2, decay_steps=800))
    state, _ = train(run_key, method, synthetic(banana), 800)
    measured = evaluate(test_key, method, state, synthetic(banana), 30)["log_likelihood"]
    best = -np.log(2 * np.pi * np.e) - np.log(0.3)
    gaussian = -np.log(2 * np.pi * np.e) - np.log(1 * np.sqrt(2 + 0.09))
    assert gaussian < -3
    assert measured == pytest.approx(best, abs=0.12)
