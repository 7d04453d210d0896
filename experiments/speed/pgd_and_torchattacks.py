"""Forty steps of projected gradient descent on a CNN of 28x28 images (16, 32 channels, batch 64), and torchattacks'.

Run      python -m experiments bench speed/pgd_and_torchattacks
Expect   ratio_torch_1 >= 1.4
         ratio_torch_2 >= 1.4
Cost     60 s
"""

from functools import partial

import jax
import numpy as np

from experiments.speed.cnn_and_torch import network
from experiments.timing.peers import by_threads, peer
from jaxicon.nn.conv import cnn
from jaxicon.robustness.pgd import away_from, pgd

STEPS = 40
SIDE, CHANNELS, CLASSES, WINDOW = 28, (16, 32), 10, 3
EPSILON, STEP_SIZE = 0.3, 0.01


def candidates():
    draw = np.random.default_rng(0)
    images = draw.uniform(size=(64, SIDE, SIDE, 1)).astype(np.float32), draw.integers(CLASSES, size=64)
    net, key = cnn(CHANNELS, CLASSES, window=WINDOW), jax.random.key(0)
    params, (x, y) = jax.jit(net.init)(key, images[0]), jax.device_put(images)

    @jax.jit
    def attack(key, params, x, y):
        return pgd(key, away_from(partial(net.apply, params), y), x, EPSILON, STEP_SIZE, STEPS)

    torch, attacks = peer("torch"), peer("torchattacks")
    theirs = attacks.PGD(network(SIDE, CHANNELS, (CLASSES,), WINDOW).eval(), eps=EPSILON, alpha=STEP_SIZE, steps=STEPS)
    inputs = torch.tensor(images[0]).movedim(-1, 1).contiguous(), torch.tensor(images[1])
    return {"ours": partial(attack, key, params, x, y)} | by_threads("torch", lambda: theirs(*inputs).numpy())
