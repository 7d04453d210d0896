"""Against expectations written out, NumPy on one transition, and the tables of the probes from chance alone."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.mlp import mlp
from jaxicon.rl_policy.off_policy_actor_critic import Config, Pair, expected, off_policy_actor_critic
from tests.rl_policy.test_batch_actor_critic import affine, softmax

SMALL = Config((16,), 1e-2, 1e-2, DISCOUNT, 4, 400, 32, 8, 10, 1.0, episodes=8)


def example():
    return off_policy_actor_critic(SMALL, probes()["both"].environment()), nothing


@pytest.mark.system("rl.offpolicy_actor_critic")
def test_the_expectation_and_its_gradient_are_sums_over_actions(x64):
    """sum_a pi(a) Q(a), and sum_a pi(a) grad log pi(a) Q(a), action by action."""
    logits, q = jnp.array([0.3, -0.4, 1.1]), jnp.array([2.0, -1.0, 0.5])
    pi = softmax(np.asarray(logits))
    np.testing.assert_allclose(expected(logits, q), sum(p * x for p, x in zip(pi, q, strict=True)), rtol=1e-12)
    wanted = sum(pi[a] * float(q[a]) * (np.eye(3)[a] - pi) for a in range(3))
    np.testing.assert_allclose(jax.grad(expected)(logits, q), wanted, rtol=1e-12)


@pytest.mark.system("rl.offpolicy_actor_critic")
def test_an_update_is_the_algorithms_on_one_transition(x64, key):
    """A memory of one row, targets that differ from the networks: both updates in NumPy, and nothing else moves."""
    env = probes()["time_limit"].environment()
    config = Config((), 0.2, 0.3, 0.9, 1, 1, 1, 1, target_every=10**9)
    method = off_policy_actor_critic(config, env, optax.sgd)
    state = fresh(key, method)
    other = jax.tree.map(lambda x: 2 * x + 0.3, state.params)
    after, metrics = jax.jit(method.step)(jax.random.key(1), state._replace(target=other), None)
    seen = jax.tree.map(lambda x: np.asarray(x[0]), after.memory.rows)
    at = lambda params, obs: obs @ affine(params)[0] + affine(params)[1]
    pi, slow_pi = softmax(at(state.params.actor, seen.obs)), softmax(at(other.actor, seen.next_obs))
    q = at(state.params.critic, seen.obs)
    assert not seen.terminal
    error = q[seen.action] - (seen.reward + 0.9 * slow_pi @ at(other.critic, seen.next_obs))
    descent = -0.3 * error * np.eye(2)[seen.action]
    ascent = 0.2 * pi * (q - pi @ q)
    for part, move in (("critic", descent), ("actor", ascent)):
        (w, b), (u, c) = affine(getattr(state.params, part)), affine(getattr(after.params, part))
        np.testing.assert_allclose(u, w + np.outer(seen.obs, move), rtol=1e-10)
        np.testing.assert_allclose(c, b + move, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(metrics["td_loss"], error**2 / 2, rtol=1e-10)
    jax.tree.map(np.testing.assert_array_equal, after.target, other)


@pytest.mark.slow
@pytest.mark.system("rl.offpolicy_actor_critic")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_from_chance_alone_the_best_policy_and_its_values_are_learned(name, key):
    """All actions are drawn uniformly. Cut off, an episode bootstraps; over, it does not."""
    probe = probes()[name]
    method = off_policy_actor_critic(SMALL, probe.environment())
    state, history = train(key, method, nothing, 1000, chunk=1000)
    wanted = probe.values[~probe.mdp.terminal]
    obs = jnp.asarray(probe.features, float)[: len(wanted)]
    np.testing.assert_allclose(mlp(16, 2).apply(state.params.critic, obs), wanted, atol=0.1)
    chosen = np.asarray(method.act(jax.random.key(1), state, obs))
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))
    if name == "both":
        assert abs(history["return"].mean()) < 0.1  # what chance earns


@pytest.mark.system("rl.offpolicy_actor_critic")
def test_targets_are_copied_every_so_many_updates_after_the_memory_holds_enough(key):
    config = replace(SMALL, replay_start=12, target_every=5)  # four transitions a step
    method = off_policy_actor_critic(config, probes()["both"].environment())
    state, step = fresh(key, method), jax.jit(method.step)
    same = lambda a, b: all(jax.tree.leaves(jax.tree.map(jnp.array_equal, a, b)))
    learned, copied = [], []
    for t in range(14):
        before = state
        state, _ = step(jax.random.key(t), state, None)
        if not same(before.params, state.params):
            learned.append(t)
        if not same(before.target, state.target):
            copied.append(t)
            assert same(state.target, state.params)
    assert learned == list(range(2, 14))
    assert copied == [6, 11]


def test_what_is_played_is_the_policy_but_for_a_share_of_chance(key):
    """An actor that is certain: of 4,000 actions in a memory the other one has half of epsilon."""
    config = Config((), 0.0, 0.0, 0.9, 100, 4000, 1, 4000, epsilon=0.2)
    method = off_policy_actor_critic(config, probes()["both"].environment())
    state = fresh(key, method)
    certain = {"params": {"Dense_0": {"kernel": jnp.zeros((1, 2)), "bias": jnp.array([50.0, 0.0])}}}
    state = state._replace(params=Pair(certain, state.params.critic))
    state, _ = train(jax.random.key(1), method, nothing, 39, state=state, chunk=39)
    assert abs(state.memory.rows.action[:3900].mean() - 0.1) < 5 * (0.09 / 3900) ** 0.5


def test_what_it_cannot_do_is_refused():
    make = partial(off_policy_actor_critic, env=probes()["both"].environment())
    with pytest.raises(ConfigError, match="discrete"):
        off_policy_actor_critic(SMALL, pendulum())
    for wrong in ({"buffer": 402}, {"epsilon": 1.5}, {"batch": 500}, {"target_every": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            make(replace(SMALL, **wrong))
