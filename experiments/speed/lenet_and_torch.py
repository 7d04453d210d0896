"""LeNet's layers on 28x28 images (6, 16 channels, 5x5, batch 64, Adam): ours in the runner, PyTorch's eager.

Run      python -m experiments bench speed/lenet_and_torch
Expect   ratio_torch_1 >= 1.0
         ratio_torch_2 >= 1.0
Cost     60 s
"""

from experiments.speed.cnn_and_torch import against_torch

STEPS = 40


def candidates():
    return against_torch(side=28, batch=64, channels=(6, 16), sizes=(120, 84, 10), window=5, steps=STEPS)
