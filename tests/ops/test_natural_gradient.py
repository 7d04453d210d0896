"""Against dense matrices: the Hessian of KL, the covariance of the score over all actions, and SciPy's solution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxicon.envs.environment import Box, Discrete
from jaxicon.envs.policy import policy
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.natural_gradient import conjugate_gradient, fisher_product, trust_step

OBS = np.random.default_rng(0).normal(size=(7, 3))
BOX = Box(np.array([-2.0, 0.0]), np.array([2.0, 10.0]))


def problem(actions):
    """(output, mean KL, a vector of parameters): a small network that speaks of seven states."""
    family = policy(actions)
    net = tanh_mlp(4, family.size)
    params = net.init(jax.random.key(1), jnp.asarray(OBS))
    vector, unravel = jax.flatten_util.ravel_pytree(params)
    noise = jax.random.normal(jax.random.key(2), vector.shape)
    divergence = lambda one, other: family.divergence(one, other).mean()
    return lambda w: net.apply(unravel(w), jnp.asarray(OBS)), divergence, vector + 0.3 * noise


def dense(product, d: int) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(product))(jnp.eye(d)))


@pytest.mark.system("rl.natural_pg", "rl.trpo")
@pytest.mark.parametrize("actions", [Discrete(3), BOX], ids=["discrete", "box"])
def test_the_product_is_that_of_the_hessian_of_kl(actions, x64):
    output, divergence, w = problem(actions)
    got = dense(fisher_product(output, divergence, w), w.size)
    hessian = jax.jit(jax.hessian(lambda after: divergence(output(w), output(after))))(w)
    np.testing.assert_allclose(got, hessian, rtol=1e-9, atol=1e-12)
    assert np.linalg.eigvalsh(got).min() > -1e-12


@pytest.mark.system("rl.natural_pg")
def test_it_is_the_covariance_of_the_score_over_all_actions(x64):
    output, divergence, w = problem(Discrete(3))
    log_p = lambda w: jax.nn.log_softmax(output(w))
    scores, chance = np.asarray(jax.jacrev(log_p)(w)), np.exp(log_p(w))  # [7, 3, d], [7, 3]
    covariance = np.einsum("na,nai,naj->ij", chance, scores, scores) / len(OBS)
    np.testing.assert_allclose(dense(fisher_product(output, divergence, w), w.size), covariance, rtol=1e-9, atol=1e-12)


def positive_definite(d: int) -> np.ndarray:
    root = np.random.default_rng(3).normal(size=(d, d))
    return root @ root.T + np.eye(d)


@pytest.mark.system("rl.natural_pg")
def test_conjugate_gradients_are_the_dense_solution(x64):
    """Exact after d iterations; more of them change nothing. After k, the error is the least in K_k, the span of
    b, A b, .., A^(k - 1) b, by the norm x^T A x."""
    a, b = positive_definite(12), np.random.default_rng(4).normal(size=12)
    product = lambda v: jnp.asarray(a) @ v
    solve = lambda iterations: conjugate_gradient(product, jnp.asarray(b), iterations)
    wanted = scipy.linalg.solve(a, b, assume_a="pos")
    np.testing.assert_allclose(solve(12), wanted, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(solve(60), wanted, rtol=1e-10, atol=1e-12)
    krylov = np.stack([np.linalg.matrix_power(a, i) @ b for i in range(4)], 1)
    best = krylov @ np.linalg.solve(krylov.T @ a @ krylov, krylov.T @ b)
    np.testing.assert_allclose(solve(4), best, rtol=1e-6, atol=1e-9)


@pytest.mark.system("rl.natural_pg")
def test_where_f_is_singular_it_solves_what_can_be_solved(x64):
    """Logits that all grow alike change no policy, so that F has a null direction, in which no gradient points."""
    p = jax.nn.softmax(jnp.array([0.3, -1.0, 2.0]))
    fisher = jnp.diag(p) - jnp.outer(p, p)
    b = fisher @ jnp.array([1.0, 5.0, -2.0])
    np.testing.assert_allclose(
        conjugate_gradient(lambda v: fisher @ v, b, 10), np.linalg.pinv(fisher) @ np.asarray(b), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_array_equal(conjugate_gradient(lambda v: fisher @ v, jnp.zeros(3), 10), 0)


@pytest.mark.system("rl.trpo")
def test_the_step_is_the_best_of_its_divergence(x64):
    """s^T F s / 2 = delta, along F^-1 g: among random steps of that divergence none has more of g^T s."""
    a, g, delta = positive_definite(6), np.random.default_rng(5).normal(size=6), 0.01
    step = np.asarray(trust_step(lambda v: jnp.asarray(a) @ v, jnp.asarray(g), delta, 12))
    inverse = np.linalg.solve(a, g)
    np.testing.assert_allclose(step, np.sqrt(2 * delta / (g @ inverse)) * inverse, rtol=1e-9)
    np.testing.assert_allclose(step @ a @ step / 2, delta, rtol=1e-9)
    others = np.random.default_rng(6).normal(size=(1000, 6))
    others *= np.sqrt(2 * delta / np.einsum("ni,ij,nj->n", others, a, others))[:, None]
    assert (others @ g).max() < step @ g
    np.testing.assert_array_equal(trust_step(lambda v: jnp.asarray(a) @ v, jnp.zeros(6), delta, 12), 0)
