"""PyTorch's own evaluation of the two networks for pixels, with its own weights: tests/golden/atari.npz.

Run by hand where torch is installed:  python tests/golden/make_atari.py

Weights are float16 numbers, so that the file is small; everything is computed in float64. Of the first DQN's network
only one row in sixteen of the large matrix is not zero, for the same reason.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
NETWORKS = {
    "dqn_atari": (
        nn.Sequential(
            nn.Conv2d(4, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2), nn.ReLU(), nn.Flatten(),
            nn.Linear(2592, 256), nn.ReLU(), nn.Linear(256, 4),
        ), (2, 4, 84, 84), 255,
    ),
    "minatar": (
        nn.Sequential(nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 3)),
        (2, 4, 10, 10), 1,
    ),
}  # fmt: skip

arrays = {}
for name, (net, shape, brightest) in NETWORKS.items():
    net = net.half().double()
    x = torch.randint(0, brightest + 1, shape)
    for i, layer in enumerate(layer for layer in net if not isinstance(layer, nn.ReLU | nn.Flatten)):
        if layer.weight.ndim == 2 and layer.weight.shape[1] > 500:
            layer.weight.data[torch.arange(len(layer.weight)) % 16 != 3] = 0
            layer.weight.data *= 4
        arrays |= {f"{name}/{i}/{part}": p.detach().numpy().astype(np.float16) for part, p in layer.named_parameters()}
    pixels = x.double() / brightest
    arrays |= {f"{name}/x": x.numpy().astype(np.uint8), f"{name}/y": net(pixels).detach().numpy()}
    print(name, sum(p.numel() for p in net.parameters()), arrays[f"{name}/y"])
np.savez_compressed(Path(__file__).with_name("atari.npz"), **arrays)
