"""Learned routing: a policy looks at the image and picks the convolutional network that classifies it.

Notes    DL4CV lecture 21, slide 97
Paper    Schulman, Heess, Weber & Abbeel 2015, arXiv:1506.05254; Bengio, Bacon, Pineau & Precup 2015, arXiv:1511.06297
         for (4)
Systems  found.choose_cnn
Idea     k ~ policy(k | x),  cost = -log p_k(y | x)                                                  (1)
         expert k: the gradient of the cost of the images it was picked for                             (2)
         policy: (cost - baseline) grad log policy(k | x),  baseline the mean cost of the image's other choices (3)
         and more evenness, the entropy of the policy's mean over the images, at its weight `balance`       (4)
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.method import Fit, Key, Predictor, from_stateful_loss
from jaxicon.foundations.stochastic_graph import leave_one_out, surrogate
from jaxicon.nn.conv import cnn
from jaxicon.nn.network import Network
from jaxicon.ops.distributions import categorical_log_prob

Batch = tuple[Float[Array, "b h w c"], Int[Array, "b"]]


@dataclass(frozen=True)
class Config:
    experts: int = 3
    channels: tuple[int, ...] = (4,)  # of each expert: a convolution and a pooling by 2 each
    policy_channels: tuple[int, ...] = (8,)
    samples: int = 8  # choices for each image in training
    learning_rate: float = 6e-3
    balance: float = 4.0  # of (4), which favours equal shares; at 0 one expert or two soon get all images


def policy(config: Config) -> Network:
    """x [b, h, w, c] -> logits [b, experts]."""
    return cnn(config.policy_channels, config.experts)


def of_chosen(logits: Float[Array, "e b c"], choice: Int[Array, "k b"]) -> Float[Array, "k b c"]:
    """The logits of the expert that was picked for each image, k times; no gradient reaches the others (2)."""
    return jnp.take_along_axis(logits, choice[..., None], 0)


def objective(
    logits: Float[Array, "e b c"], preferences: Float[Array, "b e"], choice: Int[Array, "k b"], y: Int[Array, "b"]
) -> Float[Array, "k b"]:
    """(2) and (3) at once: its value is the cost (1) of each image, its gradient estimates that of its mean."""
    over = lambda x: jnp.broadcast_to(x[None], (choice.shape[0], *x.shape))  # the k choices
    cost = -categorical_log_prob(of_chosen(logits, choice), over(y))
    log_prob = categorical_log_prob(over(preferences), choice)
    return surrogate({"cost": ("choice",)}, {"cost": cost}, {"choice": log_prob}, leave_one_out)


def evenness(preferences: Float[Array, "b e"]) -> Float[Array, ""]:
    """(4) in nats: log of the number of experts where each is likely for its share of the images, 0 for one alone."""
    return jax.scipy.special.entr(jax.nn.softmax(preferences).mean(0)).sum()


def expert_routing(config: Config, classes: int) -> Predictor:
    """A classifier of images x [b, h, w, c]; batches are (x, y) with y [b] in 0 .. classes - 1.

    Parameters: `policy`, and `experts` with a leading axis. In training the choice is drawn; evaluate and predict take
    the likeliest expert. All experts compute all images and the choice selects: `experts` times the work of one, in
    training and in prediction, for a program without branches; so more choices cost little. Metrics in training: `nll`,
    `evenness`, and `sharpness`, the mean probability of the likeliest expert.
    """
    positive("expert_routing", experts=config.experts, learning_rate=config.learning_rate)
    within("expert_routing", 0, float("inf"), balance=config.balance)
    within("expert_routing", 2, float("inf"), samples=config.samples)
    expert, chooser = cnn(config.channels, classes), policy(config)

    def init(key: Key, batch):
        ranked("expert_routing", 4, x=batch[0])
        policy_key, experts_key = jax.random.split(key)
        experts = jax.vmap(expert.init, (0, None))(jax.random.split(experts_key, config.experts), batch[0])
        return {"policy": chooser.init(policy_key, batch[0]), "experts": experts}, ()

    def logits(params, x: Float[Array, "b h w c"]) -> Float[Array, "e b k"]:
        return jax.vmap(expert.apply, (0, None))(params["experts"], x)

    def loss(key: Key, params, extra, batch: Batch):
        x, y = batch
        preferences = chooser.apply(params["policy"], x)
        choice = jax.random.categorical(key, preferences, shape=(config.samples, x.shape[0]))
        cost = objective(logits(params, x), preferences, choice, y).mean()
        value = cost - config.balance * evenness(preferences)  # (4)
        sharpness = jax.nn.softmax(preferences).max(-1).mean()
        return value, (extra, {"nll": cost, "evenness": evenness(preferences), "sharpness": sharpness})

    def predict(state: Fit, x: Float[Array, "b h w c"]) -> Float[Array, "b k"]:
        choice = chooser.apply(state.params["policy"], x).argmax(-1)
        return of_chosen(logits(state.params, x), choice[None])[0]

    def measure(key: Key, params, extra, batch: Batch):
        x, y = batch
        answer = predict(Fit(params, extra, ()), x)
        right = (answer.argmax(-1) == y).mean(dtype=answer.dtype)
        return {"nll": -categorical_log_prob(answer, y).mean(), "accuracy": right}

    return Predictor(*from_stateful_loss(init, loss, measure, optax.adam(config.learning_rate)), predict)
