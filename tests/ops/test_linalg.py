"""Against jnp.linalg, which differentiates by rules of its own."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.ops import linalg
from tests.conftest import ROOT

SPD = lambda a: a @ a.T + jnp.eye(a.shape[0])
OPERATIONS = {  # name: (ours, JAX's, the shape of the argument, how to make it admissible)
    "inv": (linalg.inv, jnp.linalg.inv, (4, 4), SPD),
    "inv_lower": (
        linalg.inv_lower,
        lambda a: jax.scipy.linalg.solve_triangular(a, jnp.eye(4), lower=True),
        (4, 4),
        lambda a: a + 3 * jnp.eye(4),
    ),
    "solve": (lambda a: linalg.solve(a, a[0]), lambda a: jnp.linalg.solve(a, a[0]), (4, 4), SPD),
    "solve_many": (lambda a: linalg.solve(a, a[:, :2]), lambda a: jnp.linalg.solve(a, a[:, :2]), (4, 4), lambda a: a),
    "slogdet": (lambda a: linalg.slogdet(a)[1], lambda a: jnp.linalg.slogdet(a)[1], (4, 4), lambda a: a),
    "cholesky": (linalg.cholesky, jnp.linalg.cholesky, (4, 4), SPD),
    "eigh": (linalg.eigh, lambda a: tuple(jnp.linalg.eigh(a)), (4, 4), lambda a: a + a.T),
    "qr": (linalg.qr, lambda a: tuple(jnp.linalg.qr(a)), (5, 3), lambda a: a),
}


def case(name, *batch):
    """Functions ours, theirs of one array, each followed by a fixed nonlinearity so that second derivatives differ."""
    ours, theirs, shape, admit = OPERATIONS[name]
    a = jax.random.normal(jax.random.key(3), (*batch, *shape))
    weights = [jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape) for leaf in jax.tree.leaves(theirs(jnp.eye(*shape)))]
    follow = lambda f: lambda a: sum((w * x**2 + w * x).sum() for w, x in zip(weights, jax.tree.leaves(f(admit(a)))))  # noqa: B905
    return a, follow(ours), follow(theirs), lambda a: ours(admit(a)), lambda a: theirs(admit(a))


def close(ours, theirs, tolerance=1e-9):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), ours, theirs)


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_derivatives_equal_jax(name, x64):
    a, f, g, ours, theirs = case(name)
    forward = lambda f: jax.jit(lambda a: jax.jvp(f, (a,), (jnp.sin(a),)))
    close(forward(ours)(a), forward(theirs)(a))
    close(forward(jax.grad(f))(a), forward(jax.grad(g))(a), 1e-7)  # reverse mode, and a second derivative


@pytest.mark.parametrize("name", OPERATIONS)
def test_vmap_in_every_order_equals_jax(name, x64):
    a, f, g, ours, theirs = case(name, 3)
    grads = jax.jit(jax.vmap(jax.grad(g)))(a)
    close(jax.jit(jax.vmap(jax.grad(f)))(a), grads)
    close(jax.jit(jax.grad(lambda a: jax.vmap(f)(a).sum()))(a), grads)
    twice = jnp.stack([a, 2 * a])
    close(jax.jit(jax.vmap(jax.vmap(ours)))(twice), jax.jit(jax.vmap(jax.vmap(theirs)))(twice), 1e-12)


def test_only_the_batched_argument_of_solve_is_looped_over(x64):
    a, b = SPD(jax.random.normal(jax.random.key(0), (3, 3))), jnp.arange(6.0).reshape(2, 3)
    close(jax.vmap(linalg.solve, (None, 0))(a, b), jnp.linalg.solve(a, b.T).T, 1e-12)
    matrices = jnp.stack([a, 2 * a, 3 * a])
    close(jax.vmap(linalg.solve, (0, None))(matrices, b[0])[2], jnp.linalg.solve(3 * a, b[0]), 1e-12)


def test_equal_eigenvalues_have_a_finite_gradient(x64):
    trace = lambda a: jnp.exp(linalg.eigh(a)[0]).sum()
    close(jax.grad(trace)(jnp.eye(3)), jnp.e * jnp.eye(3), 1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 3, 2, 7)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_orthogonal_draws_the_numbers_of_jax(shape, axis, key):
    keys = jax.random.split(key, 3)
    theirs = jax.nn.initializers.orthogonal(1.4, axis)
    ours = jax.jit(jax.vmap(lambda key: linalg.orthogonal(1.4, axis)(key, shape)))(keys)
    expected = jnp.stack([theirs(key, shape) for key in jax.random.clone(keys)])
    np.testing.assert_allclose(ours, expected, atol=1e-6)


STRESS = """
import jax, jax.numpy as jnp
from jaxicon.ops import linalg

def six(key):
    a = [jax.random.normal(jax.random.fold_in(key, i), (32, 32)) for i in range(6)]
    spd = [x @ x.T + 32 * jnp.eye(32) for x in a]
    parts = {operation}
    return sum(x.sum() for x in jax.tree.leaves(parts))

run = jax.jit(jax.vmap(six))
keys = jax.random.split(jax.random.key(0), 8)
for _ in range({calls}):
    out = run(keys)
out.block_until_ready()
assert jnp.isfinite(out).all()
"""


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["qr(x) for x in a", "cholesky(x) for x in spd", "eigh(x) for x in spd"])
def test_independent_calls_under_vmap_do_not_stall(operation):
    script = STRESS.format(operation=f"[linalg.{operation}]", calls=300)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "lib"), "OPENBLAS_NUM_THREADS": "1"}  # else eigh takes minutes
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (run.returncode, run.stderr) == (0, "")
