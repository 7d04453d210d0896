"""A convolutional network of 8x8 images (16, 32 channels, batch 128, Adam): ours in the runner, PyTorch's eager.

Run      python -m experiments bench speed/cnn_and_torch
Expect   ratio_torch_1 >= 1.5
         ratio_torch_2 >= 1.5
Cost     60 s
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from experiments.speed.conv_in_runner import noise, units
from experiments.timing.peers import by_threads, peer
from jaxicon.nn.conv import cnn

STEPS = 100


def network(side: int, channels: tuple[int, ...], sizes: tuple[int, ...], window: int):
    """What `cnn` computes, as PyTorch has it."""
    nn = peer("torch").nn
    layers, width = [], channels[-1] * (side // 2 ** len(channels)) ** 2
    for before, after in pairwise((1, *channels)):
        layers += [nn.Conv2d(before, after, window, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    for before, after in pairwise((width, *sizes)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def eager(net: Any, images: Any, labels: Any, batch: int, steps: int) -> Callable[[], Any]:
    """Training by Adam on minibatches drawn with replacement; its fused form is the fastest of three on a CPU."""
    torch = peer("torch")
    x, y = torch.tensor(images).movedim(-1, 1).contiguous(), torch.tensor(labels)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)

    def unit():
        losses = []
        for index in torch.randint(len(x), (steps, batch)):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(net(x[index]), y[index])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return unit


def against_torch(
    side: int, batch: int, channels: tuple[int, ...], sizes: tuple[int, ...], window: int, steps: int
) -> dict[str, Callable[[], Any]]:
    """Training on the same noise: ours in the runner, then PyTorch's."""
    images = noise(side, sizes[-1])
    ours = units("ours", cnn(channels, *sizes, window=window), images, batch, steps)["ours_runner"]
    theirs = eager(network(side, channels, sizes, window), *images, batch, steps)
    return {"ours": ours} | by_threads("torch", theirs)


def candidates():
    return against_torch(side=8, batch=128, channels=(16, 32), sizes=(10,), window=3, steps=STEPS)
