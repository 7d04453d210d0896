"""The perceptron of the notes (64-128-64-10, batch 128, Adam) on the digits: ours in the runner, PyTorch's eager.

Run      python -m experiments bench speed/mlp_and_torch
Expect   ratio_torch_1 >= 2
         ratio_torch_2 >= 2
Cost     20 s
"""

from functools import partial
from itertools import pairwise

import jax

from experiments.speed.cnn_and_torch import eager
from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import resident
from jaxicon.data.digits import digits
from jaxicon.foundations.mlp import Config, mlp

STEPS = 500
BATCH, CONFIG = 128, Config()


def network():
    """What `mlp` trains, as PyTorch has it."""
    nn, sizes = peer("torch").nn, (64, *CONFIG.hidden, 10)
    layers = [layer for before, after in pairwise(sizes) for layer in (nn.Linear(before, after), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def candidates():
    (x, y), key, method = digits().train, jax.random.key(0), mlp(CONFIG, classes=10)
    stream = resident((x, y), BATCH)
    ours = partial(train, key, method, stream, STEPS, state=fresh(key, method, stream), chunk=STEPS)
    return {"ours": ours} | by_threads("torch", eager(network(), x, y.astype("int64"), BATCH, STEPS))
