"""Residual network: layers learn what to add to their input, so that depth does no harm.

Notes    CS182 §5.1.3.4; RL & DL notebook, Transfer Learning
Paper    He, Zhang, Ren & Sun 2016, arXiv:1512.03385
Systems  vision.resnet vision.residual_block vision.global_avg_pool
Idea     H(x) = F(x) + x over two convolutions, or three,  dH/dx = dF/dx + I                              (1)
Erratum  CS182 §5.1.3.4 gives ResNet-152 an error of 3.57 %: that is the top-5 error of an ensemble; and its blocks are
         bottlenecks of three convolutions, not two.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.nn import resnet as nn

Batch = tuple[Float[Array, "b h w c"], Int[Array, "b"]]


@dataclass(frozen=True)
class Config:
    """The paper's optimiser and its 18 layers; other depths: Config(*nn.resnet.DEPTHS[50])."""

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    bottleneck: bool = False
    width: int = 64  # features of the first stage
    small_images: bool = False  # begin with a 3x3 convolution in place of 7x7, stride 2 and a pool
    learning_rate: float = 0.1  # at the start; a cosine takes it to 0, where the paper divides it by ten twice
    momentum: float = 0.9
    weight_decay: float = 1e-4  # of all parameters
    decay_steps: int = 600_000


def unchanged(key: Key, image: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    return image


def resnet(config: Config, classes: int, augment: Callable = unchanged) -> Predictor:
    """A classifier of x [b, h, w, c] into `classes`; batches are (x, y) with y [b] in 0 .. classes - 1.

    augment: (key, image) -> image, drawn anew for every image in training. The statistics of batch normalisation are
    the state's `extra`: a training step uses those of its batch and moves the running ones, which evaluation uses.
    """
    net = nn.resnet(config.blocks, classes, config.bottleneck, config.width, config.small_images)
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.decay_steps)
    descent = optax.sgd(schedule, momentum=config.momentum)

    def init(key: Key, batch: Batch):
        variables = net.init(key, batch[0])
        return variables["params"], variables["batch_stats"]

    def scores(logits: Float[Array, "b k"], y: Int[Array, "b"]):
        value = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return value, {"loss": value, "accuracy": (logits.argmax(-1) == y).mean(dtype=logits.dtype)}

    def loss(key: Key, params, extra, batch: Batch):
        x, y = batch
        x = jax.vmap(augment)(jax.random.split(key, x.shape[0]), x)
        variables = {"params": params, "batch_stats": extra}
        logits, updated = net.apply(variables, x, train=True, mutable=["batch_stats"])
        value, metrics = scores(logits, y)
        return value, (updated["batch_stats"], metrics)

    def logits(params, extra, x: Float[Array, "b h w c"]):
        return net.apply({"params": params, "batch_stats": extra}, x)

    def measure(key: Key, params, extra, batch: Batch):
        return scores(logits(params, extra, batch[0]), batch[1])[1]

    def predict(state: Fit, x: Float[Array, "b h w c"]) -> Float[Array, "b k"]:
        """Logits with the running statistics."""
        return logits(state.params, state.extra, x)

    optimizer = optax.chain(optax.add_decayed_weights(config.weight_decay), descent)
    return Predictor(*from_stateful_loss(init, loss, measure, optimizer), predict)
