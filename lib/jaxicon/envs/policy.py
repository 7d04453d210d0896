"""Stochastic policies: the output of a network as a distribution over actions, and how it plays."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key
from jaxicon.envs.environment import Box, Discrete, Running, Transition, Vectorised
from jaxicon.ops.distributions import categorical_entropy, categorical_log_prob, gaussian_entropy, gaussian_log_prob
from jaxicon.ops.divergences import categorical_kl, gaussian_kl
from jaxicon.ops.returns import gae

LOG_STD = (-5.0, 2.0)  # what a network may say of it


class Policy(NamedTuple):
    """A family of distributions over actions; its parameters are the output [..., size] of a network.

    noise(key, shape) -> [*shape, _]    all that is random in as many draws
    sample(noise, output) -> action     one draw for each row; it may lie beyond the bounds
    log_prob(output, action) -> [...]   of what was drawn
    entropy(output) -> [...]
    mode(output) -> action              the likeliest one within the bounds
    bounded(action) -> action           the nearest one within the bounds: what is played
    divergence(output, other) -> [...]  KL(one || other) of what is drawn, in nats
    """

    size: int
    noise: Callable
    sample: Callable
    log_prob: Callable
    entropy: Callable
    mode: Callable
    bounded: Callable
    divergence: Callable


def policy(actions: Discrete | Box) -> Policy:
    """Categorical over discrete actions, Gaussian over a box; raises ConfigError for a box without bounds."""
    return over_discrete(actions) if isinstance(actions, Discrete) else over_box(actions)


def over_discrete(actions: Discrete) -> Policy:
    """The parameters are logits."""
    return Policy(
        actions.count,
        noise=lambda key, shape: jax.random.gumbel(key, (*shape, actions.count)),
        sample=lambda noise, output: (output + noise).argmax(-1),
        log_prob=categorical_log_prob,
        entropy=categorical_entropy,
        mode=lambda output: output.argmax(-1),
        bounded=lambda action: action,
        divergence=categorical_kl,
    )


def over_box(actions: Box) -> Policy:
    """The parameters are means and log standard deviations, in half widths of the box from its centre."""
    if not np.isfinite([actions.low, actions.high]).all():
        raise ConfigError(f"policy: needs bounded actions, got {actions}")
    centre, half = (actions.high + actions.low) / 2, (actions.high - actions.low) / 2
    rows = lambda x, like: jnp.broadcast_to(jnp.asarray(x, like.dtype), like.shape)
    rows_kl = jnp.vectorize(gaussian_kl, signature="(d),(d),(d),(d)->()")
    bounded = lambda action: jnp.clip(action, rows(actions.low, action), rows(actions.high, action))

    def moments(output):
        """(mean, log_std) in the units of the actions."""
        mean, log_std = jnp.split(output, 2, -1)
        return rows(centre, mean) + rows(half, mean) * mean, jnp.clip(log_std, *LOG_STD) + jnp.log(rows(half, mean))

    def sample(noise, output):
        mean, log_std = moments(output)
        return mean + jnp.exp(log_std) * noise

    return Policy(
        2 * centre.size,
        noise=lambda key, shape: jax.random.normal(key, (*shape, *centre.shape)),
        sample=sample,
        log_prob=lambda output, action: gaussian_log_prob(*moments(output), action),
        entropy=lambda output: gaussian_entropy(moments(output)[1]),
        mode=lambda output: bounded(moments(output)[0]),
        bounded=bounded,
        divergence=lambda output, other: rows_kl(*moments(output), *moments(other)),
    )


def rollout(
    key: Key, envs: Vectorised, running: Running, family: Policy, output: Callable[[Array], Array], steps: int
) -> tuple[Running, Transition]:
    """The next steps of n copies, played by the policy with parameters output(obs); transitions [steps, n].

    Their actions are those that were drawn, of which log_prob speaks, not the bounded ones that were played.
    """
    act_key, env_key = jax.random.split(key)
    chances = jax.vmap(envs.chance)(jax.random.split(env_key, steps))

    def move(running, now):
        noise, chance = now
        action = family.sample(noise, output(envs.observe(running)))
        running, seen = envs.move(chance, running, family.bounded(action))
        return running, seen._replace(action=action)

    now = family.noise(act_key, (steps, running.time.size)), chances
    return jax.lax.scan(move, running, now, unroll=2)  # a third faster than one by one on a CPU


def values(judge: Callable[[Array], Array], seen: Transition) -> tuple[Float[Array, "t n"], Float[Array, "t n"]]:
    """judge(obs) and, except after terminal steps, judge(next_obs): the next row's unless an episode was cut off."""
    value = judge(seen.obs)
    following = lambda: jnp.concatenate([value[1:], judge(jax.tree.map(lambda x: x[-1:], seen.next_obs))])
    return value, jax.lax.cond(seen.truncated.any(), lambda: judge(seen.next_obs), following)


def advantages(
    judge: Callable[[Array], Array], seen: Transition, discount: float, trace: float
) -> tuple[Float[Array, "t n"], Float[Array, "t n"]]:
    """`gae` of every copy, and judge(obs): their sum is what the value should have been."""
    value, next_value = values(judge, seen)
    estimate = lambda *columns: gae(*columns, discount, trace)
    return jax.vmap(estimate, 1, 1)(seen.reward, seen.terminal, seen.truncated, value, next_value), value
