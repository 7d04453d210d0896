"""Asynchronous advantage actor-critic: every worker learns by a copy of the parameters that is out of date by then.

Notes    RL & DL notebook U2; CS182 §7.4.4.3
Paper    Mnih et al. 2016, arXiv:1602.01783, Algorithm S3
Systems  rl.a3c
Idea     worker i plays `steps` moves by its copy theta_i and takes A2C's gradient there;                            (1)
         theta <- theta - rate gradient_i,  whatever the others did to theta since theta_i was copied;               (2)
         theta_i <- theta,  and so on                                                                                (3)
         The paper's threads report when they happen to be ready. Here every worker reports once in a round, in an order
         that is drawn: between two reports of a worker lie as many of the others as with threads of equal speed, one
         each on average, and a run is still a function of its key. Workers explore differently by their copies.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxicon.core.checks import positive
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, Running, vectorised
from jaxicon.nn.actor_critic import two_networks
from jaxicon.nn.network import Network
from jaxicon.rl_policy.a2c import Config as Synchronous
from jaxicon.rl_policy.a2c import a2c, parts


@dataclass(frozen=True)
class Config(Synchronous):
    envs: int = 1  # of every worker
    workers: int = 16  # each of which reports once in an update


class State(NamedTuple):
    params: Any
    opt_state: optax.OptState  # of all reports: the workers share the moments of Adam
    worlds: Running  # leading axis: workers
    copies: Any  # parameters by which each worker plays


def alone(f: Callable) -> Callable:
    """vmap over a single row without a batch axis inside, where sums would be rounded otherwise than in A2C."""

    def one(*rows: Any) -> Any:
        return jax.tree.map(lambda x: x[None], f(*jax.tree.map(lambda x: x[0], rows)))

    return one


def a3c(config: Config, env: Environment, networks: Callable[[tuple[int, ...], int], Network] = two_networks) -> Agent:
    """One step: (1) by all workers, then (2) and (3) by one after the other. A single worker is A2C.

    All but this is as in A2C. Raises ConfigError as A2C does, and for no workers.
    """
    positive("a3c", workers=config.workers)
    synchronous, envs = a2c(config, env, networks), vectorised(env, config.envs)
    part = parts(replace(config, updates=config.updates * config.workers), env, networks)

    def init(key: Key, batch: None) -> State:
        start_key, worlds_key = jax.random.split(key)
        params, opt_state, _ = part.start(start_key)
        copies = jax.tree.map(lambda x: jnp.tile(x, (config.workers,) + (1,) * x.ndim), params)
        worlds = jax.vmap(envs.reset)(jax.random.split(worlds_key, config.workers))
        return State(params, opt_state, worlds, copies)

    each = alone if config.workers == 1 else jax.vmap

    def step(key: Key, state: State, batch: None) -> tuple[State, dict]:
        order_key, play_key = jax.random.split(key)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(play_key, jnp.arange(config.workers))
        worlds, seen = each(part.play)(keys, state.copies, state.worlds)
        grads, metrics = each(part.gradient)(state.copies, each(part.lesson)(state.copies, seen))  # (1)

        def report(now, worker):
            now = part.descend(*now, jax.tree.map(lambda x: x[worker], grads))  # (2)
            return now, now[0]

        order = jax.random.permutation(order_key, config.workers)
        (params, opt_state), taken = jax.lax.scan(report, (state.params, state.opt_state), order)
        copies = jax.tree.map(lambda x: x[jnp.argsort(order)], taken)  # (3)
        metrics = jax.tree.map(jnp.mean, metrics) | {"return": worlds.last_score.mean()}
        return State(params, opt_state, worlds, copies), metrics

    return synchronous._replace(init=init, step=step)
