"""Two tiny residual networks by torchvision: python tests/golden/make_resnet.py, with torch and torchvision installed.

Blocks, assembly and forward pass are torchvision's; only the widths are smaller. Weights and images are rounded to half
precision, in which they are kept, and everything is computed from them in float64.
"""

from pathlib import Path

import numpy as np
import torch
import torchvision
from torch.nn import BatchNorm2d, Conv2d, Linear
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

WIDTH, BLOCKS, CLASSES, STEPS = 2, (2, 1, 1, 1), 5, 3
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.05, 0.9, 0.01


class Small(ResNet):
    def __init__(self, block):
        super().__init__(block, BLOCKS)
        self.inplanes = WIDTH
        self.conv1, self.bn1 = Conv2d(3, WIDTH, 7, 2, 3, bias=False), BatchNorm2d(WIDTH)
        for stage, count in enumerate(BLOCKS):
            layer = self._make_layer(block, WIDTH * 2**stage, count, stride=2 if stage else 1)
            setattr(self, f"layer{stage + 1}", layer)
        self.fc = Linear(WIDTH * 8 * block.expansion, CLASSES)


def half(x):
    return x.half().double()


def tree(prefix, tensors, kind=np.float64):
    """Tensors by name as one array and, for each, "name shape"."""
    tensors = {name: x.detach().numpy().astype(kind) for name, x in tensors.items() if x.ndim}
    names = [f"{name} {' '.join(map(str, x.shape))}" for name, x in tensors.items()]
    return {f"{prefix}/values": np.concatenate([x.ravel() for x in tensors.values()]), f"{prefix}/names": names}


def record(name, block, x, y):
    net = Small(block).double()
    with torch.no_grad():
        for part, value in net.state_dict().items():
            if value.ndim == 1:  # scales, biases, running statistics
                value.uniform_(0.5, 1.5) if part.endswith("var") else value.normal_(0.5, 0.5)
            value.copy_(half(value)) if value.ndim else None
    out = tree(f"{name}/weights", net.state_dict(), np.float16)
    out[f"{name}/eval_logits"] = net.eval()(x).detach().numpy()
    optimizer = torch.optim.SGD(net.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    net.train()
    for step in range(STEPS):
        optimizer.zero_grad()
        logits = net(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        if step == 0:
            out |= {f"{name}/train_logits": logits.detach().numpy(), f"{name}/loss": loss.item()}
            out |= tree(f"{name}/gradients", {k: p.grad for k, p in net.named_parameters()})
            out |= tree(f"{name}/statistics", {k: v for k, v in net.state_dict().items() if "running" in k})
        optimizer.step()
        schedule.step()
    last = {k: v for k, v in net.state_dict().items() if k.startswith(("conv1", "bn1", "fc"))}
    return out | tree(f"{name}/after", last)


torch.manual_seed(0)
x, y = half(torch.randn(3, 3, 33, 47)), torch.tensor([0, 3, 1])  # odd sides: symmetric padding shows
golden = record("basic", BasicBlock, x, y) | record("bottleneck", Bottleneck, x, y)
np.savez_compressed(
    Path(__file__).with_name("resnet.npz"),
    versions=f"torch {torch.__version__} torchvision {torchvision.__version__} numpy {np.__version__}",
    x=x.numpy().astype(np.float16),
    y=y.numpy(),
    **golden,
)
