"""Activation functions, entry by entry but for softmax, and the derivative of any.

Notes    6.S191 lectures 1 and 2; RL & DL notebook U3, CNN §3 and §7; Deep-learning cookbook, Transformers
Paper    Nair & Hinton 2010 (ReLU); Maas et al. 2013 (leaky ReLU); Ramachandran et al. 2017, arXiv:1710.05941 (swish)
Systems  act.sigmoid act.tanh act.relu act.leaky_relu act.softmax act.swish act.derivative_figure
         found.combine_sigmoids
Idea     sigmoid(x)     1 / (1 + e^-x)                 in (0, 1)           f' = f (1 - f), at most 1/4, at 0
         tanh(x)        2 sigmoid(2x) - 1              in (-1, 1)          f' = 1 - f^2, at most 1, at 0
         relu(x)        max(0, x)                      in [0, inf)         f' = 1 where x > 0, else 0
         leaky_relu(x)  x where x >= 0, else slope x   in (-inf, inf)      f' = 1 where x >= 0, else slope (0.01)
         swish(x)       x sigmoid(x)                   in [-0.27846, inf)  f' = f + sigmoid(x) (1 - f)
         softmax(x)_i   e^x_i / sum_j e^x_j            in (0, 1), sum 1    df_i/dx_j = f_i ([i = j] - f_j)
Erratum  6.S191 lecture 2 says that the derivative of tanh is always below 1; at 0 it is 1.
         The RL & DL notebook prints the range of swish as (-inf, inf); its minimum is -0.27846, at x = -1.27846.

At their kink at 0, where every slope between the two sides is a subgradient, relu has 0 and leaky_relu has 1 (PyTorch
takes `slope` there). The generators of the notebook's GAN take leaky_relu(x, 0.2). All six are those of JAX; none
overflows, whatever x.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import leaky_relu as leaky_relu
from jax.nn import relu as relu
from jax.nn import sigmoid as sigmoid
from jax.nn import softmax as softmax
from jax.nn import swish as swish
from jax.numpy import tanh as tanh
from jaxtyping import Array, Float


def derivative(activation: Callable[[Array], Array], x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The slope of an activation that works entry by entry, at every entry of x."""
    return jax.jvp(activation, (x,), (jnp.ones_like(x),))[1]


def combined_sigmoids(x: Float[Array, "n"]) -> Float[Array, "3 n"]:
    """Two units and what a third makes of them, as in RL & DL notebook U3 §1.0: a step that neither has alone."""
    falling, rising = sigmoid(-1.75 * x - 0.1), sigmoid(0.172 * x + 0.15)
    return jnp.stack([falling, rising, 0.25 * falling + 0.5 * rising + 0.2])
