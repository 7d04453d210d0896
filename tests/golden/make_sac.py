"""PyTorch's own update of SAC, on one random minibatch with given noise, in float64: tests/golden/sac.npz.

Run by hand where torch is installed:  python tests/golden/make_sac.py
"""

from pathlib import Path

import numpy as np
import torch
from make_ddpg import DIMS, DISCOUNT, MIXING, OBS, ROWS, arrays, blended, grads, minibatch, network
from torch.distributions import Independent, Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

ACTOR_RATE, CRITIC_RATE, ALPHA_RATE, ALPHA, ENTROPY = 0.01, 0.02, 0.03, 0.4, -1.5


def drawn(actor: torch.nn.Module, obs: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The action that the noise makes, and its log-probability by torch's own transformed distribution."""
    mean, log_std = actor(obs).chunk(2, -1)
    std = log_std.clamp(-20, 2).exp()
    action = torch.tanh(mean + std * noise)
    squashed = TransformedDistribution(Independent(Normal(mean, std), 1), [TanhTransform()])
    return action, squashed.log_prob(action)


def update() -> dict[str, np.ndarray]:
    seen, next_noise, noise = minibatch(), torch.randn(ROWS, DIMS), torch.randn(ROWS, DIMS)
    saved = {f"batch/{name}": x.numpy().copy() for name, x in seen.items()}
    saved |= {"next_noise": next_noise.numpy(), "noise": noise.numpy()}
    actor, log_alpha = network(OBS, 2 * DIMS), torch.tensor(np.log(ALPHA), requires_grad=True)
    critics, targets = ([network(OBS + DIMS, 1) for _ in range(2)] for _ in range(2))
    named = lambda when: (
        arrays(f"{when}/actor", actor)
        | {k: v for i in range(2) for k, v in arrays(f"{when}/critic{i}", critics[i]).items()}
        | {k: v for i in range(2) for k, v in arrays(f"{when}/target{i}", targets[i]).items()}
        | {f"{when}/log_alpha": log_alpha.detach().numpy().copy()}
    )
    saved |= named("before")
    q = lambda nets, obs, action: torch.stack([net(torch.cat([obs, action], -1)).squeeze(-1) for net in nets])
    alpha = log_alpha.detach().exp()
    with torch.no_grad():
        next_action, next_log_prob = drawn(actor, seen["next_obs"], next_noise)
        soft = q(targets, seen["next_obs"], next_action).min(0).values - alpha * next_log_prob
        wanted = seen["reward"] + DISCOUNT * torch.where(seen["terminal"], 0.0, soft)
    losses = ((q(critics, seen["obs"], seen["action"]) - wanted) ** 2).mean(1)
    rule = torch.optim.Adam([p for net in critics for p in net.parameters()], CRITIC_RATE)
    losses.sum().backward()
    rule.step()
    for net in critics:
        net.requires_grad_(False)
    action, log_prob = drawn(actor, seen["obs"], noise)
    rule = torch.optim.Adam(actor.parameters(), ACTOR_RATE)
    (alpha * log_prob - q(critics, seen["obs"], action).min(0).values).mean().backward()
    rule.step()
    rule = torch.optim.Adam([log_alpha], ALPHA_RATE)
    (-log_alpha * (log_prob.detach() + ENTROPY * DIMS)).mean().backward()
    rule.step()
    for target, net in zip(targets, critics, strict=True):
        blended(target, net, MIXING)
    for i, net in enumerate(critics):
        saved |= grads(f"critic{i}", net)
    saved |= grads("actor", actor) | {"grad/log_alpha": log_alpha.grad.numpy()}
    return saved | named("after") | {"loss": losses.sum().detach().numpy(), "log_prob": log_prob.detach().numpy()}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    versions = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    np.savez_compressed(Path(__file__).parent / "sac.npz", versions=versions, **update())
