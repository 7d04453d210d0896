"""Relevance of a small CNN's inputs by zennit: python tests/golden/make_lrp.py, where zennit 0.5.1 is installed."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from zennit.attribution import Gradient
from zennit.composites import NameMapComposite
from zennit.rules import Epsilon, Gamma, Norm, Pass

TINY = 1e-300  # zennit divides by zero where all activations in a window are zero
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
layers = torch.nn.Sequential(
    torch.nn.Conv2d(2, 4, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(4, 5, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.AvgPool2d(2),
    torch.nn.Flatten(),
    torch.nn.Linear(20, 8),
    torch.nn.ReLU(),
    torch.nn.Linear(8, 3),
)
with torch.no_grad():  # so that most of the score reaches the input
    for parameter in layers.parameters():
        parameter *= 3 if parameter.ndim > 1 else 0.5
AFFINE = ("0", "3", "7", "9")
RULES = {
    "zero": [Epsilon(TINY)] * 4,
    "epsilon": [Epsilon(0.3)] * 4,
    "gamma": [Gamma(0.25, stabilizer=TINY)] * 4,
    "composite": [Gamma(0.5, stabilizer=TINY)] * 2 + [Epsilon(0.1), Epsilon(TINY)],
}
x = torch.randn(6, 2, 8, 8)  # of both signs
target = torch.tensor([0, 1, 2, 0, 1, 2])
found = {}
for name, rules in RULES.items():
    names = [([layer], rule) for layer, rule in zip(AFFINE, rules, strict=True)]
    others = [(["1", "4", "8"], Pass()), (["5"], Norm(TINY))]
    with Gradient(model=layers, composite=NameMapComposite(names + others)) as attributor:
        logits, relevance = attributor(x, lambda y: y * torch.nn.functional.one_hot(target, 3))
    found[name] = relevance.permute(0, 2, 3, 1).numpy()
weights = {}
for layer, name in zip(AFFINE, ("conv1", "conv2", "dense1", "dense2"), strict=True):
    kernel = layers[int(layer)].weight.detach()
    if name == "dense1":  # flattened channels first there, channels last here
        kernel = kernel.reshape(8, 5, 2, 2).permute(0, 2, 3, 1).reshape(8, 20)
    weights[f"{name}_kernel"] = (kernel.permute(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T).numpy()
    weights[f"{name}_bias"] = layers[int(layer)].bias.detach().numpy()
np.savez_compressed(
    Path(__file__).with_name("lrp.npz"),
    versions=f"zennit {version('zennit')} torch {torch.__version__} numpy {np.__version__}",
    x=x.permute(0, 2, 3, 1).numpy(),
    target=target.numpy(),
    logits=logits.detach().numpy(),
    **weights,
    **found,
)
