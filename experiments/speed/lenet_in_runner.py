"""LeNet's layers on 28x28 images (6, 16 channels, 5x5, batch 64, Adam) in the runner and outside, ours and Flax's.

Run      python -m experiments bench speed/lenet_in_runner
Expect   ratio_ours_runner <= 1.1
Cost     90 s
"""

from experiments.speed.conv_in_runner import compared

STEPS = 40


def candidates():
    return compared(side=28, batch=64, channels=(6, 16), sizes=(120, 84, 10), window=5, steps=STEPS)
