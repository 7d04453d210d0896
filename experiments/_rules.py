"""What the experiments on exploration share: every rule in one program, as data, and curves of regret."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxicon.core.method import Key, Learner, Method, State
from jaxicon.ops.exploration import Rule, one_of


def under_every_rule(rules: dict[str, Rule], factory: Callable[[Rule], Method], copies: int = 1) -> Learner:
    """factory(rule) `copies` times for every rule; state leaves are [rules, copies, ...], metrics, called NAME_METRIC,
    means over the copies. All rules see the same keys."""
    table = list(rules.values())

    def each(function: Callable, key, *states) -> dict:
        one = lambda index: jax.vmap(lambda key, *state: function(factory(one_of(table, index)), key, *state))
        return jax.vmap(lambda index, *states: one(index)(jax.random.split(key, copies), *states))(
            jnp.arange(len(table)), *states
        )

    def named(metrics):
        means = jax.tree.map(lambda x: x.mean(-1), metrics)
        return {f"{name}_{metric}": means[metric][i] for metric in means for i, name in enumerate(rules)}

    def step(key, state, batch):
        state, metrics = each(lambda method, key, state: method.step(key, state, batch), key, state)
        return state, named(metrics)

    return Learner(
        lambda key, batch: each(lambda method, key: method.init(key, batch), key),
        step,
        lambda key, state, batch: named(each(lambda m, key, state: m.evaluate(key, state, batch), key, state)),
    )


def played(key: Key, method: Method, steps: int, runs: int) -> tuple[State, jax.Array]:
    """The states [runs] after so many steps, and `regret` of the state after each, a mean over the runs [steps]."""

    def step(states, t):
        keys = jax.random.split(jax.random.fold_in(key, t), runs)
        states = jax.vmap(lambda key, state: method.step(key, state, None)[0])(keys, states)
        return states, states.regret.mean()

    start = jax.vmap(lambda key: method.init(key, None))(jax.random.split(jax.random.fold_in(key, steps), runs))
    return jax.lax.scan(step, start, jnp.arange(steps))
