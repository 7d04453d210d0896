"""Losses of a prediction, one number an example; `.mean()` of it is the loss of a batch.

Notes    6.S191 lecture 1 and lab 1; RL & DL notebook U3, loss functions and cost functions; CS182 §2.1
Paper    Huber 1964 (Huber loss); Cortes & Vapnik 1995 (hinge loss)
Systems  loss.mse loss.mae loss.mape loss.huber loss.bce loss.cce loss.sparse_cce loss.hinge
Idea     squared_error(p, y)                 (y - p)^2                          the mean of y is its best constant
         absolute_error(p, y)                |y - p|                            the median of y is
         absolute_percentage_error(p, y)     |y - p| / max(|y|, eps)            a fraction: 0.1 is ten per cent
         huber_loss(p, y, delta=1)           r^2 / 2, or delta (|r| - delta / 2) where |r| = |y - p| > delta
         sigmoid_binary_cross_entropy(l, y)  -y log p - (1 - y) log(1 - p), p = sigmoid(l);         d/dl = p - y
         softmax_cross_entropy(l, y)         -sum_k y_k log p_k, p = softmax(l), y one-hot or any p;   d/dl = p - y
         softmax_cross_entropy_with_integer_labels(l, y)  -log p_y of the class y in 0 .. k - 1
         hinge_loss(s, y)                    max(0, 1 - y s), y in {-1, 1}, s any real score
Erratum  The RL & DL notebook prints the binary formula for the general cross-entropy, gives the hinge loss without the
         coding of y, and sums the hinge loss where it averages the others.

Cross-entropies take logits, not probabilities: log(sigmoid(-1e3)) is -1000, the logarithm of the rounded probability
is -inf. Every loss is averaged over the batch by the caller, whose is the choice of a sum, weights or a mask; none is
averaged over classes. Keras multiplies the percentage error by 100; the fraction is scikit-learn's. What is not
written here is Optax's.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float
from optax.losses import hinge_loss as hinge_loss
from optax.losses import huber_loss as huber_loss
from optax.losses import sigmoid_binary_cross_entropy as sigmoid_binary_cross_entropy
from optax.losses import softmax_cross_entropy as softmax_cross_entropy
from optax.losses import softmax_cross_entropy_with_integer_labels as softmax_cross_entropy_with_integer_labels
from optax.losses import squared_error as squared_error


def absolute_error(predictions: Float[Array, "*b"], targets: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """|y - p|, of which the mean is the MAE; its slope in p is taken as 1 where p = y."""
    return jnp.abs(predictions - targets)


def absolute_percentage_error(predictions: Float[Array, "*b"], targets: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """|y - p| / max(|y|, eps), of which the mean is the MAPE; eps is the float's machine epsilon."""
    return jnp.abs(predictions - targets) / jnp.maximum(jnp.abs(targets), jnp.finfo(targets.dtype).eps)
