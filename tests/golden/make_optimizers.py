"""Parameters under torch's optimizers, 100 given gradients: python tests/golden/make_optimizers.py, where torch is."""

from pathlib import Path

import numpy as np
import torch

STEPS, SIZE = 100, 6
random = np.random.default_rng(0)
start = random.normal(size=SIZE)
grads = random.normal(size=(STEPS, SIZE)) * np.exp(2 * random.normal(size=(STEPS, SIZE)))  # of very different sizes
optim = torch.optim
RULES = {
    "gradient_descent": lambda w: optim.SGD(w, lr=0.01),
    "momentum": lambda w: optim.SGD(w, lr=0.01, momentum=0.9),
    "rmsprop": lambda w: optim.RMSprop(w, lr=0.01, alpha=0.9, eps=1e-8),
    "adagrad": lambda w: optim.Adagrad(w, lr=0.1, eps=0.0),
    "adam": lambda w: optim.Adam(w, lr=0.01, betas=(0.9, 0.999), eps=1e-8),
    "adadelta": lambda w: optim.Adadelta(w, lr=1.0, rho=0.95, eps=1e-6),
    "adamax": lambda w: optim.Adamax(w, lr=0.01, betas=(0.9, 0.999), eps=1e-8),
}


def path(build) -> np.ndarray:
    """[steps, size]: the parameters after each step."""
    w = torch.tensor(start, requires_grad=True)
    optimizer, points = build([w]), []
    for g in grads:
        w.grad = torch.tensor(g)
        optimizer.step()
        points.append(w.detach().numpy().copy())
    return np.array(points)


np.savez_compressed(
    Path(__file__).with_name("optimizers.npz"),
    versions=f"torch {torch.__version__} numpy {np.__version__}",
    start=start,
    grads=grads,
    **{name: path(build) for name, build in RULES.items()},
)
