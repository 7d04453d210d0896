"""SimCLR: features without labels, by telling which two augmented images come from one.

Notes    Deep-learning cookbook, Contrastive Learning and SimCLR
Paper    Chen, Kornblith, Norouzi & Hinton 2020, arXiv:2002.05709, algorithm 1
Systems  repr.simclr
Idea     h = encoder(augment(x)),  z = projector(h);  minimise the NT-Xent loss of two views z, z' of every x      (1)
         the projector is thrown away: h keeps what z forgets to become invariant
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import optax
from jaxtyping import Array, Float

from jaxicon.core.method import Encoder, Fit, Key, from_loss
from jaxicon.nn.conv import cnn
from jaxicon.nn.mlp import mlp
from jaxicon.ops.contrastive import nt_xent, retrieval


@dataclass(frozen=True)
class Config:
    channels: tuple[int, ...] = (32, 64)  # of the encoder's convolutions, each followed by a pooling by 2
    features: int = 128  # of h
    projection: tuple[int, ...] = (128, 64)  # of the projector's layers
    temperature: float = 0.5
    learning_rate: float = 1e-3


def two_views(key: Key, x: Float[Array, "b h w c"], augment: Callable) -> tuple[Array, Array]:
    """Two independent augmentations of every image."""
    views = jax.vmap(lambda key, image: jax.vmap(augment, (0, None))(jax.random.split(key), image))
    both = views(jax.random.split(key, x.shape[0]), x)
    return both[:, 0], both[:, 1]


def simclr(config: Config, augment: Callable) -> Encoder:
    """An encoder of images x [b, h, w, c] into features [b, d]; augment: (key, image) -> image."""
    encoder, projector = cnn(config.channels, config.features), mlp(*config.projection)

    def init(key: Key, x: Float[Array, "b h w c"]):
        encoder_key, projector_key = jax.random.split(key)
        params = encoder.init(encoder_key, x[:1])
        return {"encoder": params, "projector": projector.init(projector_key, encoder.apply(params, x[:1]))}

    def loss(key: Key, params, x: Float[Array, "b h w c"]):
        a, b = (
            projector.apply(params["projector"], encoder.apply(params["encoder"], view))
            for view in two_views(key, x, augment)
        )
        value = nt_xent(a, b, config.temperature)
        return value, {"loss": value, "retrieval": retrieval(a, b)}

    def encode(state: Fit, x: Float[Array, "b h w c"]) -> Float[Array, "b d"]:
        """h of the images as they are."""
        return encoder.apply(state.params["encoder"], x)

    return Encoder(*from_loss(init, loss, optax.adam(config.learning_rate)), encode)
