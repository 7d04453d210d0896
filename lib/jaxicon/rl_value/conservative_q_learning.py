"""Conservative Q-learning: learn from data that others collected, without ever trying, and trust no untried action.

Notes    RL & DL notebook U2
Paper    Kumar et al. 2020, arXiv:2006.04779, equation 4; Fujimoto et al. 2019, arXiv:1910.01708, for BCQ
Systems  rl.real_offline
Idea     minimise  1/2 E (r + discount Q_target(s', argmax_a' Q(s', a')) - Q(s, a))^2                       (1)
         + alpha E (log sum_a' exp Q(s, a') - Q(s, a))    over the transitions of a data set                (2)
         A maximum over actions finds those that are overrated; play corrects such errors, a fixed data set never does.
         With actions chosen with probabilities beta in the data, a table has its minimum at
         Q(s, a) = y(s, a) - alpha (pi(a | s) / beta(a | s) - 1),  pi = softmax Q                           (3)
         so that  E_pi Q = E_pi y - alpha sum_a pi (pi / beta - 1) <= E_pi y: what is expected of pi is too little
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Transition
from jaxicon.nn.mlp import mlp
from jaxicon.nn.network import Network
from jaxicon.ops.distributions import categorical_log_prob
from jaxicon.ops.returns import one_step_target


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 1e-3
    discount: float = 0.99
    alpha: float = 1.0  # of (2); 0 is Q-learning as if nothing were the matter
    target_every: int = 100  # steps between two copies of the network into the target


class State(NamedTuple):
    params: Any
    target: Any
    opt_state: optax.OptState
    t: Int[Array, ""]


class Caution(NamedTuple):
    """How a method keeps to what is in the data; its network has `heads` outputs for each action.

    read(output) -> (values [a], which actions may be chosen [a])
    penalty(output, action) -> what is added to the loss, times alpha
    """

    heads: int
    read: Callable
    penalty: Callable


conservative = Caution(
    1,
    lambda q: (q, jnp.ones(q.shape, bool)),
    lambda q, action: jax.nn.logsumexp(q) - q[action],  # (2)
)


def batch_constrained(actions: int, threshold: float) -> Caution:
    """Discrete BCQ: a second head learns which actions the data have in a state, and the maximum is over those that are
    at least `threshold` times as likely as the likeliest."""
    within("batch_constrained", 0, 1, threshold=threshold)

    def read(output: Float[Array, "k"]) -> tuple[Float[Array, "a"], Bool[Array, "a"]]:
        q, logits = output[:actions], output[actions:]
        return q, logits >= logits.max() + jnp.log(threshold)

    return Caution(2, read, lambda output, action: -categorical_log_prob(output[actions:], action))


def conservative_q_learning(
    config: Config,
    actions: Discrete,
    caution: Caution = conservative,
    network: Callable[[int], Network] | None = None,
) -> Agent:
    """One step is one step of gradient descent on a batch of transitions; the agent never plays while it learns.

    network(outputs) maps obs [..., d] to [..., outputs]; by default a perceptron with `hidden` layers.
    evaluate: the `td_loss` (1) and the `penalty` (2) of the batch, and `q`, the mean of Q(s, a).
    Raises ConfigError for numbers that cannot be.
    """
    positive("conservative_q_learning", learning_rate=config.learning_rate, target_every=config.target_every)
    within("conservative_q_learning", 0, 1, discount=config.discount)
    within("conservative_q_learning", 0, float("inf"), alpha=config.alpha)
    net = (network or partial(mlp, *config.hidden))(caution.heads * actions.count)
    optimizer = optax.adam(config.learning_rate)

    def init(key: Key, seen: Transition) -> State:
        params = net.init(key, seen.obs)
        return State(params, params, optimizer.init(params), jnp.int32(0))

    def best(output: Float[Array, "k"]) -> Int[Array, ""]:
        q, allowed = caution.read(output)
        return jnp.where(allowed, q, -jnp.inf).argmax()

    def following(online: Float[Array, "k"], target: Float[Array, "k"]) -> Float[Array, ""]:
        return caution.read(target)[0][best(online)]

    def loss(params, target, seen: Transition) -> tuple[Float[Array, ""], dict]:
        output = net.apply(params, seen.obs)
        q = jax.vmap(lambda output, action: caution.read(output)[0][action])(output, seen.action)
        worth = jax.vmap(following)(net.apply(params, seen.next_obs), net.apply(target, seen.next_obs))
        wanted = one_step_target(seen.reward, seen.terminal, config.discount, worth)
        td_loss = jnp.mean((wanted - q) ** 2) / 2  # (1)
        penalty = jax.vmap(caution.penalty)(output, seen.action).mean()
        return td_loss + config.alpha * penalty, {"td_loss": td_loss, "penalty": penalty, "q": q.mean()}

    def step(key: Key, state: State, seen: Transition) -> tuple[State, dict]:
        grads, metrics = jax.grad(loss, has_aux=True)(state.params, state.target, seen)
        updates, opt_state = optimizer.update(grads, state.opt_state)
        params, t = optax.apply_updates(state.params, updates), state.t + 1
        return State(params, optax.periodic_update(params, state.target, t, config.target_every), opt_state, t), metrics

    def act(key: Key, state: State, obs: Array) -> Array:
        return jnp.vectorize(best, signature="(k)->()")(net.apply(state.params, obs))

    def evaluate(key: Key, state: State, seen: Transition) -> dict:
        return loss(state.params, state.target, seen)[1]

    return Agent(init, step, evaluate, act)
