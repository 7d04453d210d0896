"""PyTorch's own update of DDPG, on one random minibatch, in float64: tests/golden/ddpg.npz.

Run by hand where torch is installed:  python tests/golden/make_ddpg.py
"""

from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

ROWS, OBS, HIDDEN, DIMS = 32, 3, 16, 2
ACTOR_RATE, CRITIC_RATE, MIXING, DISCOUNT = 0.01, 0.02, 0.1, 0.9


def network(inputs: int, outputs: int) -> torch.nn.Sequential:
    layers = [torch.nn.Linear(r, s) for r, s in pairwise((inputs, HIDDEN, HIDDEN, outputs))]
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])


def minibatch() -> dict[str, torch.Tensor]:
    """Some rows are terminal, some truncated; those bootstrap like all others."""
    kind = torch.arange(ROWS) % 4
    return {
        "obs": torch.randn(ROWS, OBS),
        "action": 2 * torch.rand(ROWS, DIMS) - 1,
        "reward": torch.randn(ROWS),
        "terminal": kind == 0,
        "truncated": kind == 1,
        "next_obs": torch.randn(ROWS, OBS),
    }


def blended(target: torch.nn.Module, net: torch.nn.Module, mixing: float) -> None:
    with torch.no_grad():
        for old, new in zip(target.parameters(), net.parameters(), strict=True):
            old.mul_(1 - mixing).add_(mixing * new)


def arrays(name: str, net: torch.nn.Module, of=lambda p: p) -> dict[str, np.ndarray]:
    """Kernels as [inputs, outputs], biases as they are; or something of them."""
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    kernels = {f"{name}/{i}/kernel": of(layer.weight).detach().numpy().T.copy() for i, layer in enumerate(layers)}
    return kernels | {f"{name}/{i}/bias": of(layer.bias).detach().numpy().copy() for i, layer in enumerate(layers)}


def grads(name: str, net: torch.nn.Module) -> dict[str, np.ndarray]:
    return arrays(f"grad/{name}", net, lambda p: p.grad)


def update() -> dict[str, np.ndarray]:
    """Everything before the update as before/..., the networks after it as after/..."""
    seen = minibatch()
    nets = {"actor": network(OBS, DIMS), "critic": network(OBS + DIMS, 1)}
    targets = {"actor": network(OBS, DIMS), "critic": network(OBS + DIMS, 1)}  # others than the networks
    saved = {f"batch/{name}": x.numpy().copy() for name, x in seen.items()}
    named = lambda when: (
        [arrays(f"{when}/params/{n}", net) for n, net in nets.items()]
        + [arrays(f"{when}/target/{n}", net) for n, net in targets.items()]
    )
    for part in named("before"):
        saved |= part
    mu = lambda net, obs: torch.tanh(net(obs))
    q = lambda net, obs, action: net(torch.cat([obs, action], -1)).squeeze(-1)
    with torch.no_grad():
        next_value = q(targets["critic"], seen["next_obs"], mu(targets["actor"], seen["next_obs"]))
        wanted = seen["reward"] + DISCOUNT * torch.where(seen["terminal"], 0.0, next_value)
    loss = torch.nn.functional.mse_loss(q(nets["critic"], seen["obs"], seen["action"]), wanted)
    rule = torch.optim.Adam(nets["critic"].parameters(), CRITIC_RATE)
    loss.backward()
    rule.step()
    critic = deepcopy(nets["critic"]).requires_grad_(False)
    action = mu(nets["actor"], seen["obs"])  # the chain rule by hand: dQ/da, then dmu/dtheta with that as weights
    free = action.detach().requires_grad_()
    slope = torch.autograd.grad(q(critic, seen["obs"], free).mean(), free)[0]
    rule = torch.optim.Adam(nets["actor"].parameters(), ACTOR_RATE)
    action.backward(-slope)
    rule.step()
    for name in nets:
        blended(targets[name], nets[name], MIXING)
    for part in [*named("after"), *(grads(name, net) for name, net in nets.items())]:
        saved |= part
    return saved | {"loss": loss.detach().numpy(), "wanted": wanted.numpy()}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    versions = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    np.savez_compressed(Path(__file__).parent / "ddpg.npz", versions=versions, **update())
