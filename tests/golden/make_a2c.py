"""PyTorch's own evaluation of one gradient of A2C and of the notes' listing, in float64: tests/golden/a2c.npz.

The advantages are sums over all later steps of the episode, written out; the listing's returns stop where an episode
ends. Run by hand where torch is installed:  python tests/golden/make_a2c.py
"""

from pathlib import Path

import numpy as np
import torch
from make_ppo import ACTIONS, OBS, arrays, distribution, network

STEPS, COPIES, DISCOUNT, TRACE = 12, 3, 0.97, 0.9
VALUE_WEIGHT, ENTROPY_WEIGHT = 0.5, 0.01


def rows() -> dict[str, torch.Tensor]:
    """Transitions [STEPS, COPIES]: some episodes end, some are cut off, the others go on."""
    chance = torch.rand(STEPS, COPIES)
    terminal, truncated = chance < 0.2, chance > 0.85
    first = torch.randn(STEPS + 1, COPIES, OBS)
    last = torch.randn(STEPS, COPIES, OBS)  # what was seen before a reset
    next_obs = torch.where((terminal | truncated)[..., None], last, first[1:])
    reward, action = torch.randn(STEPS, COPIES), torch.randint(ACTIONS, (STEPS, COPIES))
    return dict(obs=first[:-1], action=action, reward=reward, terminal=terminal, truncated=truncated, next_obs=next_obs)


def advantage(seen: dict, critic: torch.nn.Module) -> torch.Tensor:
    value, following = critic(seen["obs"])[..., 0], critic(seen["next_obs"])[..., 0]
    delta = seen["reward"] + DISCOUNT * following * (~seen["terminal"]) - value
    over = seen["terminal"] | seen["truncated"]
    total = torch.zeros(STEPS, COPIES)
    for t in range(STEPS):
        for n in range(COPIES):
            for later in range(t, STEPS):
                total[t, n] += (DISCOUNT * TRACE) ** (later - t) * delta[later, n].item()
                if over[later, n]:
                    break
    return total


def returns(seen: dict) -> torch.Tensor:
    """Discounted rewards to the end of the episode: the last row is made to end one."""
    total = torch.zeros(STEPS, COPIES)
    for t in range(STEPS):
        for n in range(COPIES):
            ends = [later for later in range(t, STEPS) if seen["terminal"][later, n]]
            total[t, n] = sum(DISCOUNT ** (i - t) * seen["reward"][i, n] for i in range(t, ends[0] + 1))
    return total


def listing(outputs: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(OBS, 64), torch.nn.ReLU(), torch.nn.Linear(64, outputs))


def case(name: str) -> dict[str, np.ndarray]:
    seen = rows()
    if name == "a2c":
        actor, critic = network(ACTIONS), network(1)
        gain = advantage(seen, critic)
        target, entropy_weight = gain + critic(seen["obs"])[..., 0].detach(), ENTROPY_WEIGHT
    else:
        actor, critic = listing(ACTIONS), listing(1)
        seen["terminal"] |= seen["truncated"]
        seen["terminal"][-1] = True
        seen["truncated"] = torch.zeros_like(seen["terminal"])
        target, entropy_weight = returns(seen), 0.0
        gain = target - critic(seen["obs"])[..., 0].detach()
    policy = distribution("discrete", actor(seen["obs"]))
    value_loss = torch.nn.functional.mse_loss(critic(seen["obs"])[..., 0], target)
    loss = -(policy.log_prob(seen["action"]) * gain).mean() + VALUE_WEIGHT * value_loss
    (loss - entropy_weight * policy.entropy().mean()).backward()
    named = {k: v.numpy() for k, v in seen.items()} | {"value_loss": value_loss.detach().numpy()}
    for part, of in (("weight", lambda p: p), ("grad", lambda p: p.grad)):
        for net, module in (("actor", actor), ("critic", critic)):
            named |= arrays(f"{part}/{net}", module, of)
    return {f"{name}/{k}": v for k, v in named.items()}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    versions = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    np.savez_compressed(Path(__file__).parent / "a2c.npz", versions=versions, **case("a2c"), **case("listing"))
