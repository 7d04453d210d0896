"""Model-agnostic meta-learning: initial parameters from which a few steps of descent learn a new task.

Notes    CS182 Spring 2021 §10.1, §10.3.1; RL & DL notebook U2
Paper    Finn, Abbeel & Levine 2017, arXiv:1703.03400, Algorithm 1 and section 5.1
Systems  meta.maml meta.objective meta.pretrain_vs_meta
Idea     phi_i = theta - inner_rate grad L(theta, support_i),  once or several times                            (1)
         minimise  mean_i L(phi_i, query_i)  over theta, through (1): second derivatives of L                   (2)
         Without (1) it is pretraining: one theta, the best for all tasks together.                              (3)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxicon.core.method import Key, Learner, from_loss
from jaxicon.nn.network import Network

Loss = Callable[[Any, Any], Float[Array, ""]]  # (params, examples of one task) -> mean loss


@dataclass(frozen=True)
class Config:
    inner_rate: float = 0.01
    inner_steps: int = 1
    learning_rate: float = 1e-3


def squared_error(network: Network) -> Loss:
    """The loss of regression on examples (x, y), each [points, d]."""
    return lambda params, examples: jnp.square(network.apply(params, examples[0]) - examples[1]).mean()


def adapt(loss: Loss, params: Any, support: Any, rate: float, steps: int) -> Any:
    """(1): phi of one task."""

    def descend(params, _):
        return jax.tree.map(lambda p, g: p - rate * g, params, jax.grad(loss)(params, support)), None

    return jax.lax.scan(descend, params, length=steps)[0]


def adapted_losses(loss: Loss, params: Any, tasks: Any, rate: float, steps: int) -> Float[Array, "n"]:
    """(2) of every task: the loss of phi_i on its query."""
    one = lambda support, query: loss(adapt(loss, params, support, rate, steps), query)
    return jax.vmap(one)(tasks.support, tasks.query)


def maml(config: Config, network: Network, loss: Loss) -> Learner:
    """Batches are tasks: `support` and `query` are examples (x, y) as `loss` takes them, with a leading axis of tasks.

    Metrics: the mean loss on the queries `before` and `after` adaptation. With inner_steps = 0 it is pretraining (3).
    """

    def init(key: Key, tasks):
        return network.init(key, tasks.support[0])

    def objective(key: Key, params, tasks):
        after = adapted_losses(loss, params, tasks, config.inner_rate, config.inner_steps).mean()  # (2)
        return after, {"before": jax.vmap(loss, (None, 0))(params, tasks.query).mean(), "after": after}

    return from_loss(init, objective, optax.adam(config.learning_rate))
