"""Attacked images by torchattacks: python tests/golden/make_pgd.py, where torchattacks 3.5.1 is installed."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torchattacks

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 12), torch.nn.Tanh(), torch.nn.Linear(12, 3)).eval()
with torch.no_grad():
    for parameter in net.parameters():
        parameter *= 3
x, y = torch.rand(8, 1, 4, 4), torch.arange(8) % 3
target = (y + 1) % 3
attacks = {
    "l_infinity": torchattacks.PGD(net, eps=0.3, alpha=0.05, steps=12, random_start=False),
    "l2": torchattacks.PGDL2(net, eps=0.8, alpha=0.15, steps=12, random_start=False, eps_for_division=0),
}
found = {}
for name, attack in attacks.items():
    found[f"{name}/away"] = attack(x, y).numpy()
    attack.set_mode_targeted_by_label(quiet=True)
    found[f"{name}/towards"] = attack(x, target).numpy()
np.savez_compressed(
    Path(__file__).with_name("pgd.npz"),
    versions=f"torch {torch.__version__} torchattacks {version('torchattacks')} numpy {np.__version__}",
    x=x.numpy(),
    y=y.numpy(),
    target=target.numpy(),
    **{name: p.detach().numpy() for name, p in net.named_parameters()},
    **found,
)
