"""PyTorch's own evaluation of PPO's loss and gradients, on random minibatches, in float64: tests/golden/ppo.npz.

Run by hand where torch is installed:  python tests/golden/make_ppo.py
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch.distributions import Categorical, Independent, Normal

ROWS, OBS, HIDDEN, ACTIONS, DIMS = 64, 4, 16, 3, 2
CLIP, VALUE_WEIGHT, ENTROPY_WEIGHT = 0.2, 0.5, 0.01
LOW, HIGH = np.array([-2.0, 0.0]), np.array([2.0, 10.0])


def network(outputs: int) -> torch.nn.Module:
    sizes = (OBS, HIDDEN, HIDDEN, outputs)
    layers = [torch.nn.Linear(r, s) for r, s in pairwise(sizes)]
    return torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])


def distribution(kind: str, output: torch.Tensor):
    if kind == "discrete":
        return Categorical(logits=output)
    mean, log_std = output.chunk(2, -1)
    centre, half = torch.tensor((HIGH + LOW) / 2), torch.tensor((HIGH - LOW) / 2)
    return Independent(Normal(centre + half * mean, half * log_std.exp()), 1)


def arrays(name: str, net: torch.nn.Module, of) -> dict[str, np.ndarray]:
    """Kernels as [inputs, outputs], biases as they are."""
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    kernels = {f"{name}/{i}/kernel": of(layer.weight).detach().numpy().T for i, layer in enumerate(layers)}
    return kernels | {f"{name}/{i}/bias": of(layer.bias).detach().numpy() for i, layer in enumerate(layers)}


def case(kind: str) -> dict[str, np.ndarray]:
    actor, critic = network(ACTIONS if kind == "discrete" else 2 * DIMS), network(1)
    obs, advantage, target = torch.randn(ROWS, OBS), torch.randn(ROWS), torch.randn(ROWS)
    policy = distribution(kind, actor(obs))
    action = policy.sample()
    before = policy.log_prob(action).detach() + 0.3 * torch.randn(ROWS)  # ratios on both sides of the clip
    ratio = (policy.log_prob(action) - before).exp()
    scaled = (advantage - advantage.mean()) / (advantage.std(unbiased=False) + 1e-8)
    gain = torch.min(ratio * scaled, ratio.clamp(1 - CLIP, 1 + CLIP) * scaled).mean()
    value_loss = torch.nn.functional.mse_loss(critic(obs).squeeze(-1), target)
    loss = -gain + VALUE_WEIGHT * value_loss - ENTROPY_WEIGHT * policy.entropy().mean()
    loss.backward()
    data = {"obs": obs, "action": action, "log_prob": before, "advantage": advantage, "target": target, "loss": loss}
    nets = {"actor": actor, "critic": critic}
    weights = [arrays(f"weight/{name}", net, lambda p: p) for name, net in nets.items()]
    grads = [arrays(f"grad/{name}", net, lambda p: p.grad) for name, net in nets.items()]
    named = {k: v.detach().numpy() for k, v in data.items()}
    for part in weights + grads:
        named |= part
    return {f"{kind}/{name}": x for name, x in named.items()}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    versions = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    np.savez_compressed(Path(__file__).parent / "ppo.npz", versions=versions, **case("discrete"), **case("box"))
