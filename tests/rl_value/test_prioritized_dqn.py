from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh
from jaxicon.core.stream import nothing
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.mlp import mlp
from jaxicon.ops.sum_tree import put, strata, zeros
from jaxicon.rl_value.prioritized_dqn import Config, prioritized_dqn
from tests.rl_value.test_dqn import learned

CONFIG = Config(
    (32,),
    1e-2,
    600,
    DISCOUNT,
    4,
    400,
    32,
    8,
    target_every=10,
    epsilon_end=0.3,
    epsilon_steps=1000.0,
    episodes=8,
    beta_steps=2000.0,
)


def example():
    return prioritized_dqn(CONFIG, probes()["both"].environment()), nothing


@pytest.mark.system("rl.per")
def test_what_was_drawn_is_learned_from_by_its_weight_and_its_errors_are_its_priorities(x64, key):
    """A linear network, six draws from eight transitions; errors, before the step, and weights in NumPy."""
    small = replace(CONFIG, hidden=(), envs=4, buffer=8, batch=6, replay_start=1, target_every=10**9, alpha=0.7)
    method = prioritized_dqn(small, probes()["time_limit"].environment())
    state, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    state, _ = step(jax.random.fold_in(key, 0), state, None)
    before = np.concatenate([state.memory.tree[0][:4], np.full(4, state.memory.highest)])
    after, metrics = step(jax.random.fold_in(key, 1), state, None)
    seen = jax.tree.map(np.asarray, after.memory.ring.rows)
    values = lambda params, obs: np.asarray(mlp(2).apply(params, jnp.asarray(obs)))
    wanted = seen.reward + 0.5 * np.where(seen.terminal, 0, values(state.target, seen.next_obs).max(1))
    error = wanted - values(state.params, seen.obs)[np.arange(8), seen.action]
    replay_key = jax.random.fold_in(jax.random.split(jax.random.fold_in(key, 1))[1], 0)
    index = strata(replay_key, put(zeros(8), jnp.arange(8), jnp.asarray(before)), 6)
    weight = (8 * before[index] / before.sum()) ** -(0.4 + 0.6 * 8 / 2000)
    assert weight.min() < 0.9 * weight.max()
    np.testing.assert_allclose(metrics["td_loss"], (weight / weight.max() * error[index] ** 2).mean(), rtol=1e-9)
    drawn = np.asarray(after.memory.tree[0][:8]) != before
    assert 1 <= drawn.sum() <= 6
    np.testing.assert_allclose(after.memory.tree[0][:8][drawn], (np.abs(error[drawn]) + 1e-3) ** 0.7, rtol=1e-9)


@pytest.mark.system("rl.per")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_their_values(name, key):
    probe = probes()[name]
    values = learned(name, key, prioritized_dqn, CONFIG)
    np.testing.assert_allclose(values, probe.values[~probe.mdp.terminal], atol=0.05)


@pytest.mark.parametrize("wrong", [{"alpha": 1.1}, {"beta": -0.1}, {"smallest": 0.0}, {"beta_steps": 0.0}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"prioritized_dqn: {next(iter(wrong))} is"):
        prioritized_dqn(replace(CONFIG, **wrong), probes()["both"].environment())
