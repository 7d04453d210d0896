"""A neural ODE in 64 dimensions (f 65-128-64, tanh, batch 64, dopri5 to 1e-3), by the gradient of the solver's steps.

All start from one set of weights and keep it: a learning rate of zero asks every step for the same solver's steps.

Run      python -m experiments bench speed/neural_ode_and_torchdiffeq
Expect   ratio_torch_1 >= 4
         ratio_torch_2 >= 4
Cost     60 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import jax
import numpy as np

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import resident
from jaxicon.ode.neural_ode import Config, neural_ode, through_steps

STEPS = 40
CONFIG = Config(hidden=(128,), learning_rate=0.0)
BATCH = 64


def field(weights: dict) -> Any:
    """f(t, u) of `neural_ode`, with the same weights, as PyTorch has it."""
    torch = peer("torch")

    class Field(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layers = [torch.nn.Linear(*layer["kernel"].shape) for layer in weights.values()]
            self.net = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
            with torch.no_grad():
                for layer, given in zip(layers, weights.values(), strict=True):
                    layer.weight.copy_(torch.tensor(given["kernel"].T))
                    layer.bias.copy_(torch.tensor(given["bias"]))

        def forward(self, t, u):
            return self.net(torch.cat([u, t.expand(len(u), 1)], dim=1))

    return Field()


def by_torchdiffeq(solve: str, weights: dict, x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    """Training through torchdiffeq's odeint or odeint_adjoint."""
    torch, f = peer("torch"), field(weights)
    odeint = partial(getattr(peer("torchdiffeq"), solve), rtol=CONFIG.tolerance, atol=CONFIG.tolerance, method="dopri5")
    x, y, times = torch.tensor(x), torch.tensor(y), torch.tensor([0.0, 1.0])
    optimizer = torch.optim.Adam(f.parameters(), CONFIG.learning_rate, fused=True)

    def unit():
        losses = []
        for index in torch.randint(len(x), (STEPS, BATCH)):
            optimizer.zero_grad(set_to_none=True)
            loss = ((odeint(f, x[index], times)[1] - y[index]) ** 2).sum(-1).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return unit


def against_torchdiffeq(adjoint: diffrax.AbstractAdjoint, solve: str) -> dict[str, Callable[[], Any]]:
    """Ours in the runner by one of its two gradients, and PyTorch's by the same."""
    x, y = np.random.default_rng(0).normal(size=(2, 1024, 64)).astype(np.float32)
    key, method, stream = jax.random.key(0), neural_ode(CONFIG, adjoint=adjoint), resident((x, y), BATCH)
    state = fresh(key, method, stream)
    ours = partial(train, key, method, stream, STEPS, state=state, chunk=STEPS)
    weights = jax.tree.map(np.asarray, state.params["field"]["params"])
    return {"ours": ours} | by_threads("torch", by_torchdiffeq(solve, weights, x, y))


def candidates():
    return against_torchdiffeq(through_steps, "odeint")
