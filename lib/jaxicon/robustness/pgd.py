"""Projected gradient descent: the strongest attack that gradients find, by many small steps inside the allowed change.

Notes    CS182 Spring 2021 §9.3.1
Paper    Madry, Makelov, Schmidt, Tsipras & Vladu 2018, arXiv:1706.06083, equations 2.1 and section 2.1
Systems  rob.attack_general
Idea     x* = argmax of L(x', y) over R(x, x') <= epsilon,  R(x, x') = |x' - x| in the norm L-infinity or L2      (1)
         x_0 random in the ball,  x_{i+1} = P(x_i + step_size s(grad_x L(x_i, y))),  P the way back into the ball (2)
         s(g): the unit step along which a linear loss grows most, sign(g) in L-infinity and g / |g| in L2
         robust loss, which a defence minimises over theta: sum over the data of L_theta(x*, y)                   (3)
         P takes to the ball and then to [0, 1]: as x is in [0, 1], the second step leads no farther from x.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Key
from jaxicon.robustness.fgsm import losses

Images = Float[Array, "b *d"]  # pixels in [0, 1]
Objective = Callable[[Images], Float[Array, "b"]]  # what the attack raises, image by image


class Ball(NamedTuple):
    """All changes d of an image with |d| <= epsilon, in one norm; all three take a batch [b, *d]."""

    direction: Callable[[Array], Array]  # s(g)
    project: Callable[[Array, float], Array]  # (d, epsilon) -> the nearest change in the ball
    draw: Callable[[Key, Array], Array]  # (key, x) -> changes like x, uniform in the ball of epsilon 1


def per_image(reduce: Callable, x: Array) -> Array:
    """[b, *d] -> [b, 1, ...]: reduce over the axes of each image."""
    return reduce(x, axis=tuple(range(1, x.ndim)), keepdims=True)


def length(d: Array) -> Array:
    """|d| in L2, [b, 1, ...], also where the squares underflow; 1 where d is 0, so that one may divide by it."""
    largest = per_image(jnp.max, jnp.abs(d))
    scale = jnp.where(largest == 0, 1, largest)
    return jnp.where(largest == 0, 1, scale * jnp.sqrt(per_image(jnp.sum, (d / scale) ** 2)))


def unit(d: Array) -> Array:
    return d / length(d)


def in_l2_ball(key: Key, x: Array) -> Array:
    """Uniform in the ball: a uniform direction, as far out as the volume asks, which grows with the radius^d."""
    direction_key, radius_key = jax.random.split(key)
    radius = jax.random.uniform(radius_key, (x.shape[0], *[1] * (x.ndim - 1)), x.dtype) ** (x.shape[0] / x.size)
    return radius * unit(jax.random.normal(direction_key, x.shape, x.dtype))


l_infinity = Ball(
    jnp.sign,
    lambda d, epsilon: jnp.clip(d, -epsilon, epsilon),
    lambda key, x: jax.random.uniform(key, x.shape, x.dtype, -1, 1),
)
l2 = Ball(unit, lambda d, epsilon: d * jnp.minimum(1, epsilon / length(d)), in_l2_ball)


def away_from(predict: Callable[[Images], Float[Array, "b c"]], y: Int[Array, "b"]) -> Objective:
    """The cross-entropy of the true classes y: an untargeted attack."""
    return lambda x: losses(predict, x, y)


def towards(predict: Callable[[Images], Float[Array, "b c"]], target: Int[Array, "b"]) -> Objective:
    """Minus the cross-entropy of the classes that shall be read: a targeted attack."""
    return lambda x: -losses(predict, x, target)


def ascend(
    objective: Objective, x: Images, start: Images, epsilon: float, step_size: float, steps: int, ball: Ball
) -> Images:
    """(2) from `start`; with start = x, step_size = epsilon and one step in L-infinity it is FGSM."""
    gradient = jax.grad(lambda x: objective(x).sum())

    def step(_, attacked: Images) -> Images:
        moved = attacked + step_size * ball.direction(gradient(attacked))
        return jnp.clip(x + ball.project(moved - x, epsilon), 0, 1)

    return jax.lax.fori_loop(0, steps, step, start)


def pgd(
    key: Key,
    objective: Objective,
    x: Images,
    epsilon: float,
    step_size: float,
    steps: int,
    ball: Ball = l_infinity,
) -> Images:
    """The attack from one random start in the ball, of which the last step counts."""
    start = jnp.clip(x + epsilon * ball.draw(key, x), 0, 1)
    return ascend(objective, x, start, epsilon, step_size, steps, ball)


def strongest(objective: Objective, attacked: Float[Array, "n b *d"]) -> Images:
    """Of n attacks on every image the one whose objective is highest: what restarts are for."""
    best = jax.lax.map(objective, attacked).argmax(0)
    return attacked[best, jnp.arange(len(best))]


def robust_loss(apply: Callable, params, y: Int[Array, "b"], attack: Callable[[Objective], Images]) -> Float[Array, ""]:
    """(3) as a mean, at the images that attack(objective) makes for the network x -> apply(params, x).

    By Danskin's theorem its gradient in params is that of the loss at these images, held fixed.
    """
    frozen = jax.lax.stop_gradient(params)
    worst = attack(away_from(lambda x: apply(frozen, x), y))
    return losses(lambda x: apply(params, x), worst, y).mean()
