"""Two normalisations by PyTorch: python tests/golden/make_normalisation.py, where torch 2.13.0 is installed."""

from pathlib import Path

import numpy as np
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
found = {}
x = 3 * torch.randn(2, 7, 3, 4)  # channels second
for size in (1, 4, 5, 7):
    a = x.clone().requires_grad_()
    layer = torch.nn.LocalResponseNorm(size, alpha=size * 0.1, beta=0.75, k=2.0)
    layer(a).square().sum().backward()
    found[f"lrn/{size}"] = layer(a).detach().permute(0, 2, 3, 1).numpy()
    found[f"lrn_grad/{size}"] = a.grad.permute(0, 2, 3, 1).numpy()

layer = torch.nn.LayerNorm(7)
rows = (1e-2 * torch.randn(3, 5, 7) + 2).requires_grad_()  # so small that epsilon tells
scale, bias = torch.rand(7) + 0.5, torch.randn(7)
layer.load_state_dict({"weight": scale, "bias": bias})
out = layer(rows)
out.square().sum().backward()
grads = {"rows": rows.grad, "scale": layer.weight.grad, "bias": layer.bias.grad}
np.savez_compressed(
    Path(__file__).with_name("normalisation.npz"),
    versions=f"torch {torch.__version__} numpy {np.__version__}",
    x=x.permute(0, 2, 3, 1).numpy(),
    rows=rows.detach().numpy(),
    scale=scale.numpy(),
    bias=bias.numpy(),
    layer=out.detach().numpy(),
    **found,
    **{f"layer_grad/{name}": grad.numpy() for name, grad in grads.items()},
)
