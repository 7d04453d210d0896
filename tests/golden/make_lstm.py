"""Two LSTM layers by PyTorch: python tests/golden/make_lstm.py, where torch 2.13.0 is installed."""

from pathlib import Path

import numpy as np
import torch

T, B, D, H, LAYERS = 12, 5, 7, 9, 2

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
network = torch.nn.LSTM(D, H, LAYERS)
x, h, c = (torch.randn(size, requires_grad=True) for size in ((T, B, D), (LAYERS, B, H), (LAYERS, B, H)))
outputs = dict(zip("yhc", (lambda y, carry: (y, *carry))(*network(x, (h, c))), strict=True))
weights = {name: torch.randn_like(output) for name, output in outputs.items()}
sum((weights[name] * output).sum() for name, output in outputs.items()).backward()

leaves = {"x": x, "h": h, "c": c, **dict(network.named_parameters())}
groups = {"in": leaves, "out": outputs, "weight": weights, "grad": {name: leaf.grad for name, leaf in leaves.items()}}
np.savez_compressed(
    Path(__file__).with_name("lstm.npz"),
    versions=f"torch {torch.__version__} numpy {np.__version__}",
    **{f"{group}/{name}": a.detach().numpy() for group, named in groups.items() for name, a in named.items()},
)
