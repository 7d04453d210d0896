"""Convolutional networks for agents that see pixels: that of the first DQN, and a small one for MinAtar.

Notes    DL4CV lecture 21; RL & DL notebook; MIT 6.S191 lecture 5
Paper    Mnih et al. 2013, arXiv:1312.5602, section 4.1; Young & Tian 2019, arXiv:1903.03176, for MinAtar's
Systems  rl.dqn_atari_net
"""

from flax import linen

from jaxicon.nn.conv import Conv
from jaxicon.nn.network import Network, default_float, from_linen
from jaxicon.ops.linalg import orthogonal


class Pixels(linen.Module):
    """Convolutions (features, window, stride) without margins, one hidden layer, an affine map; relu between them."""

    layers: tuple[tuple[int, int, int], ...]
    hidden: int
    outputs: int
    brightest: float  # of a pixel; what the first layer sees lies between 0 and 1
    scale: float  # of the last layer's weights, which are orthogonal

    @linen.compact
    def __call__(self, x):
        dense = lambda size, **init: linen.Dense(size, param_dtype=default_float(), **init)
        x = x.astype(default_float()) / self.brightest
        for features, window, stride in self.layers:
            x = linen.relu(Conv(features, (window, window), stride, "VALID")(x))
        x = linen.relu(dense(self.hidden)(x.reshape(*x.shape[:-3], -1)))
        return dense(self.outputs, kernel_init=orthogonal(self.scale))(x)


def dqn_atari(outputs: int, scale: float = 1.0) -> Network:
    """Bytes x [..., 84, 84, frames] -> [..., outputs]: 16 features of 8 x 8 with stride 4, 32 of 4 x 4 with stride 2,
    256 hidden units; orthogonal weights times `scale` in the last layer. With four frames and four actions it has
    677,172 parameters."""
    return from_linen(Pixels(((16, 8, 4), (32, 4, 2)), 256, outputs, 255.0, scale))


def minatar(outputs: int, scale: float = 1.0, features: int = 16, hidden: int = 128) -> Network:
    """Bits x [..., 10, 10, channels] -> [..., outputs]: features of 3 x 3, and a hidden layer; else as the other."""
    return from_linen(Pixels(((features, 3, 1),), hidden, outputs, 1.0, scale))
