"""Dormand and Prince's Runge-Kutta method: a step of order 5, its error by an embedded one of order 4, and step sizes.

diffrax runs through the stages in a loop, whose gradient makes them again; written out they are kept, and training
through the solver's steps takes a fifth less time.

Notes    Deep-learning cookbook, Neural Ordinary Differential Equations
Paper    Dormand & Prince 1980, Journal of Computational and Applied Mathematics 6:19, table 2; for the error
         Shampine 1986, Mathematics of Computation 46:135; Hairer, Nørsett & Wanner 1993, §II.4 for the first step
Systems  ode.rk45_adaptive
Idea     f_i = f(t + c_i h, u + h sum over j < i of a_ij f_j);  u' is where the last stage is evaluated            (1)
         error = h sum of (b_i - b'_i) f_i;  the next step's first stage is this one's last: six evaluations       (2)
Erratum  the Deep-learning cookbook says Runge-Kutta 4-5 of the classical method of order 4, and prints u(f_1) in it.
"""

from collections.abc import Callable, Sequence

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree


def weighted(weights: Float[np.ndarray, "stages"], trees: Sequence[PyTree]) -> PyTree:
    """The sum of weight times tree, without those of weight zero."""
    terms = [(float(w), tree) for w, tree in zip(weights, trees, strict=True) if w]
    scaled = lambda *leaves: sum(w * leaf for (w, _), leaf in zip(terms, leaves, strict=True))
    return jax.tree.map(scaled, *(tree for _, tree in terms))


class DormandPrince(diffrax.Dopri5):
    """diffrax.Dopri5 for an ODETerm, with its step sizes and its dense output, the stages written out."""

    def init(self, terms, t0, t1, y0, args):
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """(u', error, what dense output needs, f at u', success); `solver_state` is f at u, anew after a jump."""
        tableau, h = self.tableau, terms.contr(t0, t1)
        slope = jax.jit(lambda t, y: terms.vf(t, y, args))  # traced once for all stages
        stages = [jax.lax.cond(made_jump, lambda: slope(t0, y0), lambda: solver_state)]
        for c, a in zip(tableau.c, tableau.a_lower, strict=True):
            y = jax.tree.map(lambda y, slope: y + h * slope, y0, weighted(a, stages))
            stages.append(slope(t0 + float(c) * (t1 - t0), y))
        error = jax.tree.map(lambda slope: h * slope, weighted(tableau.b_error, stages))
        dense = {"y0": y0, "y1": y, "k": jax.tree.map(lambda *leaves: h * jnp.stack(leaves), *stages)}
        return y, error, dense, stages[-1], diffrax.RESULTS.successful


def first_step(
    slope: Callable, t: Float[Array, ""] | float, u: Float[Array, "d"], span: Float[Array, ""] | float, scale: Array
) -> Float[Array, ""]:
    """Where to begin with u' = slope(t, u), at most `span` away; an error of `scale` is as large as may be.

    h0 changes u by a hundredth; h1 makes as large an error as a hundredth of the scale, to go by two derivatives.
    """
    size = lambda v: jnp.sqrt(jnp.mean((v / scale) ** 2))
    change = slope(t, u)
    d0, d1 = size(u), size(change)
    h0 = jnp.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / jnp.maximum(d1, 1e-5))
    d2 = size(slope(t + h0, u + h0 * change) - change) / h0
    largest = jnp.maximum(d1, d2)
    h1 = jnp.where(largest <= 1e-15, jnp.maximum(1e-6, 1e-3 * h0), (0.01 / jnp.maximum(largest, 1e-15)) ** (1 / 5))
    return jnp.minimum(jnp.minimum(100 * h0, h1), span)


class StepSizes(diffrax.PIDController):
    """diffrax.PIDController, beginning with `first_step` unless dt0 is given: diffrax begins with 0.01.

    The size is found in here, as diffrax checks a dt0 by a call of Python, which keeps a program out of JAX's cache.
    """

    def init(self, terms, t0, t1, y0, dt0, args, func, error_order):
        if dt0 is None:
            y, held = jax.lax.stop_gradient((y0, args))
            u, unravel = ravel_pytree(y)
            ahead = terms.contr(0.0, 1.0)  # -1 where diffrax goes backwards in time, of which vf knows nothing
            slope = lambda t, u: ravel_pytree(terms.vf_prod(t, unravel(u), held, ahead))[0]
            dt0 = first_step(slope, t0, u, t1 - t0, self.atol + self.rtol * jnp.abs(u))
        return super().init(terms, t0, t1, y0, dt0, args, func, error_order)


def dormand_prince(
    field: Callable[[Array, PyTree, PyTree], PyTree],
    tolerance: float,
    max_steps: int,
    adjoint: diffrax.AbstractAdjoint,
) -> Callable:
    """integrate(t0, t1, y0, args, ...) of y' = field(t, y, args): diffrax.diffeqsolve, whose options it takes.

    `tolerance` is that of a step's error, relative and absolute; beyond max_steps the solution is not finite.
    """
    control = StepSizes(rtol=tolerance, atol=tolerance)
    usual = dict(dt0=None, stepsize_controller=control, adjoint=adjoint, max_steps=max_steps, throw=False)

    def integrate(t0: float, t1: float, y0: PyTree, args: PyTree, **options) -> diffrax.Solution:
        term = diffrax.ODETerm(field)
        return diffrax.diffeqsolve(term, DormandPrince(), t0=t0, t1=t1, y0=y0, args=args, **(usual | options))

    return integrate
