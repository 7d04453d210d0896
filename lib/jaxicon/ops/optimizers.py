"""Update rules side by side: what a gradient does to the parameters, each an optax transformation of its learning rate.

g is the gradient, w the parameters, a the learning rate; products, roots and quotients are taken entry by entry. What
optax has exactly is taken from there, under the conventions that each docstring states; `adam_uncorrected`, `ftrl` and
`newton` are written out. `ftrl` and `newton` need the parameters in `update(grads, state, params)`, and `newton` the
loss too, as `value_fn`; through optax.with_extra_args_support every rule takes both.

Notes    CS182 §3.2, §3.3, §4.5; RL & DL notebook U3, optimizers and variants; DL4CV lecture 12; 6.S191 lecture 2
Paper    Kingma & Ba 2015, arXiv:1412.6980; McMahan et al. 2013, KDD (FTRL-Proximal); the others stand at their rules
Systems  opt.momentum opt.momentum_ema opt.rmsprop opt.adagrad opt.adam opt.adam_uncorrected opt.adadelta opt.adamax
         opt.nadam opt.ftrl clip.elementwise clip.norm
Erratum  DL4CV's code for clipping by norm compares the sum of squares with the threshold: the root is missing
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from jaxicon.ops.linalg import solve


def gradient_descent(learning_rate: float) -> optax.GradientTransformation:
    """w <- w - a g."""
    return optax.sgd(learning_rate)


def momentum(learning_rate: float, decay: float = 0.9) -> optax.GradientTransformation:
    """Heavy ball (Polyak 1964), as in PyTorch: v <- decay v + g, w <- w - a v.

    A steady gradient moves w by a / (1 - decay) per step; `momentum_ema` is the form that does not.
    """
    return optax.sgd(learning_rate, momentum=decay)


def momentum_ema(learning_rate: float, decay: float = 0.9) -> optax.GradientTransformation:
    """v <- decay v + (1 - decay) g, w <- w - a v: `momentum` with the learning rate a (1 - decay).

    v starts at 0 and is not corrected for it.
    """
    return optax.chain(optax.ema(decay, debias=False), optax.scale_by_learning_rate(learning_rate))


def rmsprop(learning_rate: float, decay: float = 0.9, epsilon: float = 1e-8) -> optax.GradientTransformation:
    """s <- decay s + (1 - decay) g^2, w <- w - a g / (sqrt(s) + epsilon) (Tieleman & Hinton 2012).

    s starts at 0. The epsilon is outside the root, as in PyTorch; optax's default has it inside.
    """
    return optax.rmsprop(learning_rate, decay, epsilon, eps_in_sqrt=False)


def adagrad(learning_rate: float) -> optax.GradientTransformation:
    """s <- s + g^2, w <- w - a g / sqrt(s) (Duchi et al. 2011).

    s starts at 0 and there is no epsilon: a weight without a gradient so far stays. optax's defaults, s = 0.1 and an
    epsilon inside the root, make the first steps shorter; PyTorch has s = 0 and 1e-10 outside the root.
    """
    return optax.adagrad(learning_rate, initial_accumulator_value=0.0, eps=0.0)


def adam(
    learning_rate: float, first_decay: float = 0.9, second_decay: float = 0.999, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """Averages m of g and v of g^2, each divided by 1 - decay^t, and w <- w - a m / (sqrt(v) + epsilon).

    Algorithm 1 of Kingma & Ba: epsilon outside the root. The first step is a in every coordinate.
    """
    return optax.adam(learning_rate, first_decay, second_decay, epsilon)


class Moments(NamedTuple):
    first: PyTree  # average of the gradients
    second: PyTree  # average of their squares


def adam_uncorrected(
    learning_rate: float, first_decay: float = 0.9, second_decay: float = 0.999, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """A variant, not Adam: without the divisions by 1 - decay^t, as the RL & DL notebook prints it.

    m counts too little at first and v much too little: the first step is a (1 - first_decay) / sqrt(1 - second_decay),
    3.16 a at the defaults.
    """

    def init(params: PyTree) -> Moments:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(zeros, zeros)

    def update(grads: PyTree, state: Moments, params: PyTree = None) -> tuple[PyTree, Moments]:
        first = jax.tree.map(lambda m, g: first_decay * m + (1 - first_decay) * g, state.first, grads)
        second = jax.tree.map(lambda v, g: second_decay * v + (1 - second_decay) * g**2, state.second, grads)
        updates = jax.tree.map(lambda m, v: -learning_rate * m / (jnp.sqrt(v) + epsilon), first, second)
        return updates, Moments(first, second)

    return optax.GradientTransformation(init, update)


def adadelta(learning_rate: float = 1.0, decay: float = 0.95, epsilon: float = 1e-6) -> optax.GradientTransformation:
    """d = sqrt(D + epsilon) / sqrt(s + epsilon) g, w <- w - a d; s averages g^2, and D the d^2 of the steps before.

    Algorithm 1 of Zeiler 2012, arXiv:1212.5701, where a = 1: d has the unit of w, and its size grows from
    sqrt(epsilon) on. decay and epsilon are those of the paper's figures; PyTorch and optax have decay 0.9.
    """
    return optax.adadelta(learning_rate, decay, epsilon)


def adamax(
    learning_rate: float, first_decay: float = 0.9, second_decay: float = 0.999, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """u <- max(second_decay u, |g| + epsilon), w <- w - a m / u, m corrected as Adam's (Algorithm 2 of Kingma & Ba).

    The paper has no epsilon; here, as in PyTorch and optax, it keeps u above 0.
    """
    return optax.adamax(learning_rate, first_decay, second_decay, epsilon)


def nadam(
    learning_rate: float, first_decay: float = 0.9, second_decay: float = 0.999, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """Adam with the next step's momentum (Dozat 2016): for m the look-ahead
    first_decay m / (1 - first_decay^(t + 1)) + (1 - first_decay) g / (1 - first_decay^t).

    The decay is constant; PyTorch's NAdam warms it up by a schedule and takes other steps. v is corrected as Adam's.
    """
    return optax.nadam(learning_rate, first_decay, second_decay, epsilon)


class Leader(NamedTuple):
    z: PyTree  # sum of the gradients, less the centres of the proximal terms
    n: PyTree  # sum of the squares of the gradients


def proximal(
    z: Float[Array, "*d"], n: Float[Array, "*d"], learning_rate: float, l1: float, l2: float, beta: float
) -> Float[Array, "*d"]:
    """The weights that follow the leader, in closed form; exactly 0 where |z| <= l1."""
    return jnp.where(jnp.abs(z) <= l1, 0.0, (jnp.sign(z) * l1 - z) / ((beta + jnp.sqrt(n)) / learning_rate + l2))


def ftrl(learning_rate: float, l1: float = 0.0, l2: float = 0.0, beta: float = 1.0) -> optax.GradientTransformation:
    """FTRL-Proximal, Algorithm 1 of McMahan et al. 2013: with s = (sqrt(n + g^2) - sqrt(n)) / a,
    z <- z + g - s w,  n <- n + g^2,  w <- 0 if |z| <= l1, else -(z - sign(z) l1) / ((beta + sqrt(n)) / a + l2).

    The paper starts at w = 0, where z = 0. Here z starts at -beta w / a, so that w may start anywhere; without l1 and
    l2 the rule then is Adagrad with beta for an epsilon outside the root. beta must be above 0.
    """

    def init(params: PyTree) -> Leader:
        z = jax.tree.map(lambda w: -beta / learning_rate * w, params)
        return Leader(z, jax.tree.map(jnp.zeros_like, params))

    def update(grads: PyTree, state: Leader, params: PyTree) -> tuple[PyTree, Leader]:
        n = jax.tree.map(lambda n, g: n + g**2, state.n, grads)
        sigma = jax.tree.map(lambda new, old: (jnp.sqrt(new) - jnp.sqrt(old)) / learning_rate, n, state.n)
        z = jax.tree.map(lambda z, g, s, w: z + g - s * w, state.z, grads, sigma, params)
        following = jax.tree.map(lambda z, n: proximal(z, n, learning_rate, l1, l2, beta), z, n)
        return jax.tree.map(jnp.subtract, following, params), Leader(z, n)

    return optax.GradientTransformation(init, update)


def newton(learning_rate: float = 1.0, damping: float = 0.0) -> optax.GradientTransformationExtraArgs:
    """w <- w - a (H + damping I)^-1 g, H the Hessian of value_fn at w, all parameters as one vector.

    update(grads, state, params, value_fn=loss of the parameters), as of optax.lbfgs. d parameters cost O(d^2) memory
    and O(d^3) time. Where H is not positive definite the step may climb: Newton seeks any point without a gradient.
    """

    def update(
        grads: PyTree, state: optax.EmptyState, params: PyTree, *, value_fn: Callable, **_
    ) -> tuple[PyTree, optax.EmptyState]:
        w, unravel = ravel_pytree(params)
        hessian = jax.hessian(lambda w: value_fn(unravel(w)))(w)
        direction = solve(hessian + damping * jnp.eye(w.size, dtype=w.dtype), ravel_pytree(grads)[0])
        return unravel(-learning_rate * direction), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def clip_elementwise(limit: float) -> optax.GradientTransformation:
    """g <- max(min(g, limit), -limit), entry by entry: the direction changes."""
    return optax.clip(limit)


def clip_norm(limit: float) -> optax.GradientTransformation:
    """g <- g min(|g|, limit) / |g|, |g| the Euclidean norm over all leaves: the direction stays."""
    return optax.clip_by_global_norm(limit)


BY_GRADIENT = {  # the rules that ask for no more than a learning rate and a gradient
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "momentum_ema": momentum_ema,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adam": adam,
    "adam_uncorrected": adam_uncorrected,
    "adadelta": adadelta,
    "adamax": adamax,
    "nadam": nadam,
    "ftrl": ftrl,
}
