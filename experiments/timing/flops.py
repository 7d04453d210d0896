"""Floating-point operations of a function, counted in its jaxpr; XLA's own count sees the body of a loop only once.

A matmul or convolution counts 2 per multiply-add, an elementwise operation 1 per element of its output, a reduction 1
per element of its input, everything else (copies, comparisons, integers, random bits) nothing.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

ELEMENTWISE = """
add sub mul div rem neg abs sign max min pow integer_pow sqrt rsqrt cbrt square exp exp2 log expm1 log1p logistic
sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc erf_inv lgamma digamma floor ceil round clamp
add_any
""".split()  # noqa: SIM905
REDUCTIONS = """
reduce_sum reduce_prod reduce_max reduce_min argmax argmin cumsum cumprod cummax cummin cumlogsumexp
""".split()  # noqa: SIM905


def flops(function: Callable, *arguments: Any, trips: int = 1) -> float:
    """FLOPs of function(*arguments), which may be shapes; the body of a `while` loop counts `trips` times."""
    return count(jax.make_jaxpr(function)(*arguments).jaxpr, trips)


def count(jaxpr: Any, trips: int) -> float:
    return sum(of_equation(equation, trips) for equation in jaxpr.eqns)


def of_equation(equation: Any, trips: int) -> float:
    name, params, out = equation.primitive.name, equation.params, equation.outvars[0].aval if equation.outvars else None
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return 2.0 * math.prod(out.shape) * math.prod(shape[i] for i in contracted)
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        return 2.0 * math.prod(out.shape) * math.prod(kernel) / kernel[params["dimension_numbers"].rhs_spec[0]]
    if name == "scan":
        return params["length"] * count(params["jaxpr"].jaxpr, trips)
    if name == "while":
        return trips * (count(params["body_jaxpr"].jaxpr, trips) + count(params["cond_jaxpr"].jaxpr, trips))
    if name == "cond":
        return max(count(branch.jaxpr, trips) for branch in params["branches"])
    if name in ELEMENTWISE or name in REDUCTIONS:
        operand = equation.invars[0].aval if name in REDUCTIONS else out
        return float(math.prod(operand.shape)) if jnp.issubdtype(operand.dtype, jnp.inexact) else 0.0
    return sum(count(inner, trips) for inner in inside(params))


def inside(params: dict[str, Any]) -> Iterator[Any]:
    """The jaxprs that an equation calls: jit, checkpoint, custom derivatives."""
    for value in params.values():
        inner = getattr(value, "jaxpr", value)  # open a ClosedJaxpr
        if hasattr(inner, "eqns"):
            yield inner
