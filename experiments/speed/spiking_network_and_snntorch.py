"""Training of 784-256-10 leaky integrate-and-fire neurons (25 steps, batch 128, Adam) by ours, and by snnTorch.

Both get the same trains of spikes and the loss of their counts; snnTorch goes from step to step, as its tutorials do.

Run      python -m experiments bench speed/spiking_network_and_snntorch
Expect   ratio_snntorch_1 >= 1.8
         ratio_snntorch_2 >= 1.8
Cost     60 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import Stream, placed
from jaxicon.foundations.spiking_network import Config, spiking_network

STEPS = 10
CONFIG = Config()
BATCH, TIME, PIXELS, CLASSES = 128, 25, 784, 10


def eager(x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    """Training by Adam, whose fused form is the fastest on a CPU."""
    torch, (hidden,) = peer("torch"), CONFIG.hidden
    neuron = partial(peer("snntorch").Leaky, CONFIG.beta, spike_grad=peer("snntorch.surrogate").atan(CONFIG.slope))
    layers = torch.nn.Linear(PIXELS, hidden), neuron(), torch.nn.Linear(hidden, CLASSES), neuron()
    parameters = [*torch.nn.ModuleList(layers).parameters()]
    optimizer = torch.optim.Adam(parameters, CONFIG.learning_rate, fused=True)
    trains, labels = torch.tensor(x).movedim(1, 0).contiguous(), torch.tensor(y).long()
    first, below, second, above = layers

    def count():
        v, w, spikes = below.reset_mem(), above.reset_mem(), []
        for now in trains:
            fired, v = below(first(now), v)
            fired, w = above(second(fired), w)
            spikes.append(fired)
        return torch.stack(spikes).sum(0)

    def unit():
        losses = []
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(count(), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return unit


def candidates():
    draw = np.random.default_rng(0)
    batch = (draw.random((BATCH, TIME, PIXELS)) < 0.15).astype(np.float32), draw.integers(CLASSES, size=BATCH)
    stream = Stream(placed(batch), lambda key, ts, arrays: ts, lambda t, arrays: arrays)  # every step the same
    key, method = jax.random.key(0), spiking_network(CONFIG, CLASSES)
    state = fresh(key, method, stream)
    ours = partial(train, key, method, stream, STEPS, state=state, chunk=STEPS)
    return {"ours": ours} | by_threads("snntorch", eager(*batch))
