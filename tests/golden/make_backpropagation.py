"""Autograd through the 1-2-2-1 network: python tests/golden/make_backpropagation.py, where torch is installed."""

from pathlib import Path

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
random = np.random.RandomState(0)
net = torch.nn.Sequential(
    torch.nn.Linear(1, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)
)
first, second, last = net[0], net[2], net[4]
found = {"w": [], "b": [], "x": [], "y": [], "output": [], "dw": [], "db": []}


def weights(kind):
    """w_1 .. w_8: w_3 and w_4 lead from node 1 to nodes 3 and 4, w_5 and w_6 from node 2."""
    one, two, three = (getattr(layer.weight, kind) for layer in (first, second, last))
    return torch.cat([one[:, 0], two[:, 0], two[:, 1], three[0]]).numpy().copy()


def biases(kind):
    return torch.cat([getattr(layer.bias, kind) for layer in (first, second, last)]).numpy().copy()


for _ in range(40):
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.tensor(random.normal(size=parameter.shape) + 0.3))
    x, y = random.normal(size=2)
    net.zero_grad()
    output = net(torch.tensor([[x]]))
    torch.nn.functional.mse_loss(output, torch.tensor([[y]])).backward()
    row = (weights("data"), biases("data"), x, y, output.item(), weights("grad"), biases("grad"))
    for name, value in zip(found, row, strict=True):
        found[name].append(value)
np.savez_compressed(
    Path(__file__).with_name("backpropagation.npz"),
    versions=f"torch {torch.__version__} numpy {np.__version__}",
    **{name: np.array(values) for name, values in found.items()},
)
