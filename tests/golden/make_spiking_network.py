"""Spiking neurons by snnTorch: python tests/golden/make_spiking_network.py, where torch and snntorch 1.0.0 are."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from snntorch import Leaky, spikegen, surrogate

T, B, D, H, C = 12, 3, 5, 7, 4
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double  # snntorch makes its spikes by it
out = {}


def traces(neuron, currents):
    """Spikes and potentials [t, ...] of one neuron after the other."""
    v, steps = torch.zeros_like(currents[0]), []
    for current in currents:
        s, v = neuron(current, v)
        steps.append((s, v))
    return tuple(torch.stack(part) for part in zip(*steps, strict=True))


currents = torch.cat([torch.tensor([0.3, 0.05, 0.11, 2.5]).expand(100, 4), 0.6 * torch.randn(100, 8) + 0.2], 1)
out["currents"] = currents
for reset in ("subtract", "zero"):
    for beta, threshold in ((0.9, 1.0), (0.5, 0.7)):
        found = traces(Leaky(beta=beta, threshold=threshold, reset_mechanism=reset), currents)
        out[f"{reset}_{beta}/spikes"], out[f"{reset}_{beta}/potentials"] = found

x = torch.linspace(-2, 2, 41)
out["x"] = x
for name, make in (("fast_sigmoid", surrogate.fast_sigmoid), ("arctan", surrogate.atan)):
    for slope in (2.0, 25.0):
        leaf = x.clone().requires_grad_()
        make(slope)(leaf).sum().backward()
        out[f"{name}_{slope}"] = leaf.grad

intensity = torch.linspace(0, 1, 23)
out["intensity"] = intensity
out["latency"] = spikegen.latency(intensity, num_steps=10, threshold=0.01, normalize=True, linear=True, clip=True)

spikes, y = (torch.rand(T, B, D) < 0.5).double(), torch.tensor([0, 3, 1])
out |= {"spikes": spikes, "y": y}
for reset in ("subtract", "zero"):
    first, second = torch.nn.Linear(D, H), torch.nn.Linear(H, C)
    with torch.no_grad():
        first.weight *= 3
        second.weight *= 3
    neuron = Leaky(beta=0.8, spike_grad=surrogate.fast_sigmoid(3.0), reset_mechanism=reset)
    hidden, _ = traces(neuron, torch.stack([first(s) for s in spikes]))
    counts, potentials = traces(neuron, torch.stack([second(s) for s in hidden]))
    loss = torch.nn.functional.cross_entropy(counts.sum(0), y)
    loss.backward(retain_graph=True)
    leaves = {"0/kernel": first.weight, "0/bias": first.bias, "1/kernel": second.weight, "1/bias": second.bias}
    out |= {f"{reset}/{n}": p.detach().t() for n, p in leaves.items()}
    out |= {f"{reset}/grad/{n}": p.grad.t() for n, p in leaves.items()}
    out |= {f"{reset}/loss": loss, f"{reset}/counts": counts.sum(0), f"{reset}/potential": potentials.mean(0)}

arrays = {name: value.detach().numpy() for name, value in out.items()}
versions = f"snntorch {version('snntorch')} torch {torch.__version__} numpy {np.__version__}"
np.savez_compressed(Path(__file__).with_name("spiking_network.npz"), versions=versions, **arrays)
