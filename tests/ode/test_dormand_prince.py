"""Dormand and Prince's method against SciPy's step and against diffrax's loop over the same table."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import RK45

from jaxicon.ode.dormand_prince import DormandPrince, dormand_prince, first_step

START = {"x": np.array([1.0, 0.5]), "v": np.array([0.2, -0.3])}


def pendulum(t, u, length):
    return {"x": u["v"], "v": -jnp.sin(u["x"]) / length + jnp.cos(3 * t)}


def solve(solver, length, start, **options):
    control = diffrax.PIDController(**{"rtol": 1e-7, "atol": 1e-9} | options.pop("control", {}))
    saved = diffrax.SaveAt(ts=jnp.linspace(0.1, 3, 7), t1=True)
    term = diffrax.ODETerm(options.pop("field", pendulum))
    return diffrax.diffeqsolve(term, solver, 0.0, 3.0, 0.1, start, length, saveat=saved, stepsize_controller=control)


def one_step(h, field=pendulum, start=START):
    solver, term = DormandPrince(), diffrax.ODETerm(field)
    state = solver.init(term, 0.0, h, start, 2.0)
    y, error, *_ = solver.step(term, 0.0, h, start, 2.0, state, jnp.asarray(False))
    return y, error


def decay(tolerance):
    """Solves u' = -rate u."""
    return dormand_prince(lambda t, u, rate: -rate * u, tolerance, 256, diffrax.RecursiveCheckpointAdjoint())


@pytest.mark.system("ode.rk45_adaptive")
def test_a_step_is_scipys(x64):
    def flat(t, u):
        return np.concatenate([u[2:], -np.sin(u[:2]) / 2.0 + np.cos(3 * t)])

    theirs = RK45(flat, 0.0, np.concatenate([START["x"], START["v"]]), 1.0, first_step=0.25, rtol=1e9, atol=1e9)
    theirs.step()
    y, _ = jax.jit(one_step)(0.25)
    assert theirs.t == 0.25
    np.testing.assert_allclose(np.concatenate([y["x"], y["v"]]), theirs.y, rtol=1e-14)


@pytest.mark.system("ode.rk45_adaptive")
def test_the_solution_is_of_order_five_and_its_error_that_of_order_four(x64):
    """u' = -u: one step's error falls with h^6, the estimate, which is that of the embedded method, with h^5."""

    @jax.jit
    def errors(h):
        y, estimate = one_step(h, lambda t, u, _: -u, 1.0)
        return abs(y - jnp.exp(-h)), abs(estimate)

    ratios = [np.log2(a / b) for a, b in zip(errors(0.1), errors(0.05), strict=True)]
    np.testing.assert_allclose(ratios, [6, 5], atol=0.1)


@pytest.mark.slow
@pytest.mark.system("ode.rk45_adaptive")
def test_steps_dense_output_and_gradient_are_those_of_diffrax(x64):
    def pulled(solver):
        solution = solve(solver, 2.0, START)
        loss = lambda length, start: jnp.sum(solve(solver, length, start).ys["x"] ** 2)
        return solution.stats["num_accepted_steps"], solution.ys, jax.grad(loss, (0, 1))(2.0, START)

    ours, theirs = (jax.jit(lambda solver=solver: pulled(solver))() for solver in (DormandPrince(), diffrax.Dopri5()))
    assert ours[0] == theirs[0] > 20
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), ours, theirs)


def test_after_a_jump_the_first_stage_is_made_anew(x64):
    """u' = 1 before t = 1.05, then -1: the stage kept from before the jump would lead on upwards."""
    field = lambda t, u, _: jnp.where(t < 1.05, 1.0, -1.0) * jnp.ones_like(u)
    solution = jax.jit(
        lambda: solve(DormandPrince(), None, jnp.zeros(1), field=field, control={"jump_ts": jnp.array([1.05])})
    )()
    np.testing.assert_allclose(solution.ys[-1], 2 * 1.05 - 3, rtol=1e-6)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
@pytest.mark.system("ode.rk45_adaptive")
def test_the_error_keeps_to_the_tolerance(x64, tolerance):
    """u' = -u: the error at the end is within the tolerance asked of every step."""
    solution = jax.jit(lambda: decay(tolerance)(0.0, 2.0, jnp.ones(1), 1.0))()
    np.testing.assert_allclose(solution.ys[0], np.exp(-2.0), atol=tolerance)


@pytest.mark.parametrize("span", [1.0, 0.01])
@pytest.mark.parametrize("still", [False, True])
@pytest.mark.system("ode.rk45_adaptive")
def test_the_first_step_is_scipys(x64, span, still):
    """Also in an interval shorter than the step, and where nothing moves."""
    slope = lambda t, u: (np.array([-2.0, 0.5]) * u + 0.3 * t) * (not still)
    u = jnp.array([0.7, -0.4])
    ours = first_step(slope, 0.2, u, span, 1e-4 * (1 + abs(u)))
    np.testing.assert_allclose(ours, RK45(slope, 0.2, u, 0.2 + span, rtol=1e-4, atol=1e-4).h_abs, rtol=1e-10)


@pytest.mark.parametrize(("start", "end"), [(0.0, 3.0), (3.0, 0.0)])
def test_a_solution_begins_with_the_first_step(x64, start, end):
    """Forwards and backwards; the step is accepted, and so the first that is saved. It counts as given: no gradient."""
    solve = dormand_prince(pendulum, 1e-6, 256, diffrax.RecursiveCheckpointAdjoint())
    begun = lambda length: abs(solve(start, end, START, length, saveat=diffrax.SaveAt(steps=True)).ts[0] - start)
    flat = lambda t, u: np.concatenate([-np.sin(u[2:]) / 2.0 + np.cos(3 * t), u[:2]])  # v, then x
    theirs = RK45(flat, start, np.concatenate([START["v"], START["x"]]), end, rtol=1e-6, atol=1e-6)
    size, slope = jax.jit(jax.value_and_grad(begun))(2.0)
    np.testing.assert_allclose(size, theirs.h_abs, rtol=1e-9)
    assert slope == 0


def test_nothing_keeps_a_solution_out_of_the_cache():
    """No call of Python in the program of a gradient, as there is where diffrax is given a first step to check."""
    text = lambda loss: jax.jit(jax.grad(loss)).lower(jnp.ones(2)).as_text()
    assert "callback" not in text(lambda y: decay(1e-3)(0.0, 1.0, y, 1.0).ys.sum())
    assert "callback" in text(lambda y: decay(1e-3)(0.0, 1.0, y, 1.0, dt0=y[0]).ys.sum())
