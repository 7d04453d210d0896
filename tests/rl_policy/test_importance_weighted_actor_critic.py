"""Against the sum over all actions of a bandit, A2C where nothing differs, and the tables of a probe."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Discrete
from jaxicon.envs.policy import policy
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.actor_critic import two_networks
from jaxicon.ops.policy_gradient import importance_weights
from jaxicon.rl_policy import importance_weighted_actor_critic as module
from jaxicon.rl_policy.a2c import Lesson, a2c, objective
from jaxicon.rl_policy.importance_weighted_actor_critic import Config, importance_weighted_actor_critic, uniform
from tests.rl_policy import test_a2c

SMALL = Config((16,), 2e-2, 200, 8, 8, discount=DISCOUNT, entropy_weight=0.003, episodes=8)


def example():
    return importance_weighted_actor_critic(SMALL, probes()["both"].environment()), nothing


@pytest.mark.system("rl.is_actor_critic")
def test_in_a_bandit_the_expected_gradient_is_exact_whoever_plays(x64):
    """Over all arms of another policy; the loss of one pull each, a critic that is wrong, and the exact grad E_pi r."""
    logits, worth, value = jnp.array([0.2, -0.5, 1.0]), jnp.array([1.0, 3.0, -2.0]), 0.7
    family, config = policy(Discrete(3)), Config(value_weight=0.0, entropy_weight=0.0)
    wanted = jax.grad(lambda logits: jax.nn.softmax(logits) @ worth)(logits)
    for other in (uniform(logits), jnp.array([-1.0, 0.3, 0.6]), logits):

        def loss(logits, arm, other=other):
            weight = jax.lax.stop_gradient(
                importance_weights(family.log_prob(logits, arm), family.log_prob(other, arm))
            )
            lesson = Lesson(jnp.zeros(1), arm, worth[arm] - value, worth[arm])
            return objective(config, family, logits, jnp.asarray(value), lesson, weight)[0]

        pulls = jax.vmap(jax.grad(loss), (None, 0))(logits, jnp.arange(3))
        np.testing.assert_allclose(-jax.nn.softmax(other) @ pulls, wanted, atol=1e-14)
        if other is not logits:
            plain = jax.vmap(
                jax.grad(lambda logits, arm: -family.log_prob(logits, arm) * (worth[arm] - value)), (None, 0)
            )
            assert jnp.abs(-jax.nn.softmax(other) @ plain(logits, jnp.arange(3)) - wanted).max() > 0.1


@pytest.mark.slow
@pytest.mark.system("rl.is_actor_critic")
def test_where_the_policy_itself_plays_it_is_a2c(x64, key):
    env = probes()["time_limit"].environment()
    method = importance_weighted_actor_critic(SMALL, env, behaviour=lambda output: output)
    other = a2c(replace(test_a2c.SMALL, trace=0.0), env)
    state, play_key = fresh(key, method), jax.random.key(1)
    after, metrics = jax.jit(method.step)(jax.random.clone(play_key), state, None)
    wanted, wanted_metrics = jax.jit(other.step)(play_key, state, None)
    near = lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-15)
    jax.tree.map(near, (after, metrics), (wanted, wanted_metrics))


def learned(key, name: str):
    """(values, likeliest actions) in the states before the end, from what chance plays."""
    probe = probes()[name]
    method = importance_weighted_actor_critic(SMALL, probe.environment())
    state, _ = train(key, method, nothing, SMALL.updates, chunk=SMALL.updates)
    obs = jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    return two_networks(SMALL.hidden, 2).apply(state.params, obs)[1], method.act(jax.random.key(1), state, obs)


@pytest.mark.slow
@pytest.mark.system("rl.is_actor_critic")
def test_from_chance_alone_the_value_of_the_best_policy_is_learned(key, monkeypatch):
    """In the second state 2, where chance itself is worth 4 / 3; an episode that is cut off bootstraps, and one that is
    over does not. Without weights the critic says what chance is worth."""
    value, chosen = learned(jax.random.clone(key), "time_limit")
    np.testing.assert_allclose(value, [1, 2], atol=0.15)
    assert chosen[1] == 0
    monkeypatch.setattr(module, "importance_weights", lambda p, q: jnp.ones_like(p))
    value, _ = learned(key, "time_limit")
    np.testing.assert_allclose(value, [2 / 3, 4 / 3], atol=0.15)


def test_more_than_one_step_ahead_is_refused():
    with pytest.raises(ConfigError, match="trace"):
        importance_weighted_actor_critic(replace(SMALL, trace=0.9), probes()["both"].environment())
