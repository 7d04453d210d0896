"""Residual networks on images x [b, h, w, c], and the map that gives them torchvision's weights.

The bottleneck strides in its 3x3 convolution, as torchvision's does ("v1.5"); the paper's strides in the first 1x1.
Padding is symmetric, as in PyTorch, not 'SAME', which pads on the right where a stride of two meets an even side.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen

from jaxicon.core.errors import ConfigError
from jaxicon.nn.batchnorm import BatchNorm
from jaxicon.nn.conv import Conv, max_pool
from jaxicon.nn.network import Network, default_float, from_linen

DEPTHS = {  # layers with weights -> (blocks of the four stages, whether they are bottlenecks); table 1 of the paper
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}
TORCH = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}  # what is no matrix


def conv(features: int, window: int, stride: int, name: str) -> Conv:
    """A convolution without bias, He-normal in its outputs, padded so that stride 1 keeps the size."""
    margin = ((window // 2,) * 2,) * 2
    he = linen.initializers.variance_scaling(2.0, "fan_out", "normal")
    return Conv(features, (window, window), stride, margin, use_bias=False, kernel_init=he, name=name)


class Block(linen.Module):
    """x -> relu(x + F(x)); F is two 3x3 convolutions, or 1x1, 3x3 and 1x1 with four times the features at the end.

    Where F changes the shape, x goes through a strided 1x1 convolution.
    """

    features: int
    stride: int = 1
    bottleneck: bool = False

    @linen.compact
    def __call__(self, x, train: bool):
        narrow = self.features
        plain = ((narrow, 3, self.stride), (narrow, 3, 1))
        y = x
        for i, shape in enumerate(((narrow, 1, 1), plain[0], (4 * narrow, 1, 1)) if self.bottleneck else plain):
            y = BatchNorm(name=f"bn{i + 1}")(conv(*shape, name=f"conv{i + 1}")(linen.relu(y) if i else y), train)
        if x.shape != y.shape:
            x = BatchNorm(name="downsample_1")(conv(y.shape[-1], 1, self.stride, "downsample_0")(x), train)
        return linen.relu(x + y)


class ResNet(linen.Module):
    blocks: tuple[int, ...]
    classes: int
    bottleneck: bool
    width: int
    small_images: bool

    @linen.compact
    def __call__(self, x, train: bool = False):
        x = conv(self.width, *((3, 1) if self.small_images else (7, 2)), name="conv1")(x)
        x = linen.relu(BatchNorm(name="bn1")(x, train))
        if not self.small_images:
            x = max_pool(x, 3, 2, ((1, 1), (1, 1)))
        for stage, count in enumerate(self.blocks):
            for i in range(count):
                stride = 2 if stage and not i else 1
                x = Block(self.width * 2**stage, stride, self.bottleneck, name=f"layer{stage + 1}_{i}")(x, train)
        return linen.Dense(self.classes, param_dtype=default_float(), name="fc")(x.mean((-3, -2)))


def resnet(
    blocks: tuple[int, ...], classes: int, bottleneck: bool = False, width: int = 64, small_images: bool = False
) -> Network:
    """x [b, h, w, c] -> logits [b, classes]; each stage has half the resolution and twice the features of the last.

    Variables: params and batch_stats. In training `apply(variables, x, train=True, mutable=["batch_stats"])` returns
    (logits, {"batch_stats": ...}). The first layer is 7x7 with stride 2 and a max pool; 3x3 alone for `small_images`.
    """
    return from_linen(ResNet(blocks, classes, bottleneck, width, small_images))


def of_depth(depth: int, classes: int = 1000) -> Network:
    """The paper's network with so many layers: 18, 34, 50, 101 or 152; raises ConfigError for another number."""
    if depth not in DEPTHS:
        raise ConfigError(f"resnet: depth {depth}; expected one of {', '.join(map(str, DEPTHS))}")
    blocks, bottleneck = DEPTHS[depth]
    return resnet(blocks, classes, bottleneck)


def from_torch(state_dict: Mapping[str, Any]) -> dict[str, dict]:
    """The variables of a torchvision ResNet: {"params": ..., "batch_stats": ...} of the same sizes.

    Works on tensors and on arrays, as `safetensors.numpy.load_file` gives them, and on gradients in place of weights.
    """
    variables = {"params": {}, "batch_stats": {}}
    for name, value in state_dict.items():
        *path, kind = re.sub(r"\.(\d+)", r"_\1", name).split(".")
        if kind == "num_batches_tracked":
            continue
        value = np.asarray(value)
        axes = {4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim)
        tree = variables["batch_stats" if kind.startswith("running") else "params"]
        for part in path:
            tree = tree.setdefault(part, {})
        tree["kernel" if axes else TORCH[kind]] = jnp.asarray(value.transpose(axes))
    return variables
