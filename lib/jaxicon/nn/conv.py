"""Convolutional networks on x [..., h, w, c], whose convolutions are as fast inside a training loop as outside."""

from collections.abc import Callable

from flax import linen

from jaxicon.nn.network import Network, default_float, from_linen
from jaxicon.ops.convolution import Padding, Sizes, avg_pool, convolution, max_pool

__all__ = ["Conv", "avg_pool", "cnn", "max_pool"]


class Conv(linen.Module):
    """flax.linen.Conv, with its names, parameters and initial values, by the form that is fast on this backend.

    Parameters: kernel [*kernel_size, c / feature_group_count, features], bias [features].
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: Sizes = 1
    padding: Padding = "SAME"
    kernel_dilation: Sizes = 1
    feature_group_count: int = 1
    use_bias: bool = True
    kernel_init: Callable = linen.initializers.lecun_normal()
    bias_init: Callable = linen.initializers.zeros_init()

    @linen.compact
    def __call__(self, x):
        shape = (*self.kernel_size, x.shape[-1] // self.feature_group_count, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, default_float())
        y = convolution(x, kernel, self.strides, self.padding, self.kernel_dilation, self.feature_group_count)
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init, (self.features,), default_float())
        return y + bias.reshape((1,) * (y.ndim - 1) + (-1,))


class CNN(linen.Module):
    channels: tuple[int, ...]
    sizes: tuple[int, ...]
    window: int
    activation: Callable
    pool: Callable

    @linen.compact
    def __call__(self, x):
        dense = lambda size: linen.Dense(size, param_dtype=default_float())
        for features in self.channels:
            x = self.pool(self.activation(Conv(features, (self.window, self.window))(x)), 2)
        x = x.reshape(*x.shape[:-3], -1)
        for size in self.sizes[:-1]:
            x = self.activation(dense(size)(x))
        return dense(self.sizes[-1])(x)


def cnn(
    channels: tuple[int, ...],
    *sizes: int,
    window: int = 3,
    activation: Callable = linen.relu,
    pool: Callable = max_pool,
) -> Network:
    """x [..., h, w, c] -> [..., sizes[-1]]: for each of `channels` a convolution, the activation and a pooling by 2,
    then fully connected layers of `sizes`, with the activation between them, none after the last."""
    return from_linen(CNN(channels, sizes, window, activation, pool))
