from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Box
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import environment
from jaxicon.nn import mlp as nn
from jaxicon.rl_tabular.value_iteration import value_iteration
from jaxicon.rl_value import dqn as module
from jaxicon.rl_value.dqn import Config, dqn

SMALL = Config(
    (32,), 1e-2, 600, DISCOUNT, 4, 400, 32, 8, target_every=10, epsilon_end=0.3, epsilon_steps=1000.0, episodes=8
)


def example():
    return dqn(SMALL, probes()["both"].environment()), nothing


def learned(name: str, key, factory=dqn, config=SMALL) -> np.ndarray:
    """Action values of the states before the end, after SMALL.updates."""
    probe = probes()[name]
    state, _ = train(key, factory(config, probe.environment()), nothing, config.updates, chunk=config.updates)
    features = jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    return nn.mlp(*config.hidden, probe.values.shape[1]).apply(state.params, features)


@pytest.mark.system("rl.dqn")
@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(name, key):
    probe = probes()[name]
    np.testing.assert_allclose(learned(name, key), probe.values[~probe.mdp.terminal], atol=0.05)


@pytest.mark.system("rl.dqn")
def test_a_wrong_mask_is_seen_on_the_time_limit_probe(key, monkeypatch):
    """To cut the bootstrap at the time limit makes staying too cheap; to bootstrap from the end, leaving too dear."""
    _, (stay, leave) = probes()["time_limit"].values[:2]
    append, target = module.replay.append, module.one_step_target
    cut = lambda seen: seen._replace(terminal=seen.terminal | seen.truncated)
    monkeypatch.setattr(module.replay, "append", lambda ring, seen: append(ring, cut(seen)))
    assert learned("time_limit", jax.random.clone(key))[1, 0] < stay - 0.2
    monkeypatch.setattr(module.replay, "append", append)
    never = lambda reward, terminal, *rest: target(reward, jnp.zeros_like(terminal), *rest)
    monkeypatch.setattr(module, "one_step_target", never)
    assert learned("time_limit", key)[1, 1] > leave + 0.2


@pytest.mark.system("rl.q_target")
def test_the_target_is_constant_between_two_copies_and_no_gradient_reaches_it(key):
    method = dqn(SMALL, probes()["both"].environment())
    state, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    copies = []
    for t in range(25):
        before = state.target
        state, _ = step(jax.random.fold_in(key, t), state, None)
        pairs = zip(jax.tree.leaves(before), jax.tree.leaves(state.target), strict=True)
        if not all(jnp.array_equal(a, b) for a, b in pairs):
            copies.append(t + 1)
            same = jax.tree.map(jnp.array_equal, state.target, state.params)
            assert all(jax.tree.leaves(same))
    assert copies == [10, 20]


@pytest.mark.system("rl.q_target")
def test_the_update_is_the_semi_gradient_with_the_target_held_fixed(x64, key):
    """One step by hand: a memory of one transition repeated, a target that differs from the network, plain NumPy."""
    config = Config((), 0.1, 10**9, 0.9, 1, 1, 3, 1, target_every=10**9, epsilon_end=1.0)
    env = probes()["time_limit"].environment()
    method = dqn(config, env)
    state = fresh(jax.random.clone(key), method)
    other = jax.tree.map(lambda x: 2 * x + 0.3, state.params)
    after, metrics = jax.jit(method.step)(key, state._replace(target=other), None)
    seen = jax.tree.map(lambda x: np.asarray(x[0]), after.memory.rows)
    weights = lambda params: (params["params"]["Dense_0"]["kernel"], params["params"]["Dense_0"]["bias"])
    affine = lambda params, x: x @ np.asarray(weights(params)[0]) + np.asarray(weights(params)[1])
    assert not seen.terminal
    wanted = seen.reward + 0.9 * affine(other, seen.next_obs).max()
    error = wanted - affine(state.params, seen.obs)[seen.action]
    np.testing.assert_allclose(metrics["td_loss"], error**2, rtol=1e-10)
    gradient = np.zeros(2)
    gradient[seen.action] = -2 * error
    mean = after.opt_state[0].mu["params"]["Dense_0"]  # Adam's first moment: (1 - 0.9) times the gradient
    np.testing.assert_allclose(mean["bias"], 0.1 * gradient, rtol=1e-9)
    np.testing.assert_allclose(mean["kernel"], 0.1 * np.outer(seen.obs, gradient), rtol=1e-9)


@pytest.mark.system("rl.q_target")
@pytest.mark.parametrize(("ceiling", "worth"), [(float("inf"), 9.0), (4.0, 4.0)])
def test_no_value_above_the_ceiling_is_bootstrapped_from(x64, ceiling, worth, key):
    """A network that says 9 everywhere: the loss of one transition is known."""
    config = Config((), 0.1, 10**9, 0.9, 1, 1, 3, 1, target_every=10**9, epsilon_end=1.0, ceiling=ceiling)
    method = dqn(config, probes()["time_limit"].environment())
    state = fresh(jax.random.clone(key), method)
    says = jax.tree.map(lambda x: jnp.full_like(x, 9.0 if x.ndim == 1 else 0.0), state.params)
    after, metrics = jax.jit(method.step)(jax.random.clone(key), state._replace(params=says, target=says), None)
    reward = float(after.memory.rows.reward[0])
    np.testing.assert_allclose(metrics["td_loss"], (reward + 0.9 * worth - 9.0) ** 2, rtol=1e-12)
    assert method.evaluate(key, state._replace(params=says), None)["value"] == 9


@pytest.mark.system("rl.dqn")
def test_on_deterministic_ice_at_a_long_horizon_the_values_are_those_of_value_iteration(key):
    """A table as a network: one-hot states, no hidden layer. Discount 0.99, six steps to the only reward."""
    mdp = frozen_lake(slippery=False)
    env = environment(mdp, 100)._replace(observe=lambda state: jax.nn.one_hot(state, 16))
    config = Config((), 3e-3, 8000, 0.99, 10, 20_000, 64, 10, target_every=50, epsilon_end=1.0)
    state, _ = train(jax.random.clone(key), dqn(config, env), nothing, 8000, chunk=8000)
    best, _ = train(key, value_iteration(mdp), nothing, 1000, chunk=1000)
    q = mdp.reward + mdp.discount * mdp.transition @ np.asarray(best)
    learned = nn.mlp(4).apply(state.params, jnp.eye(16))
    np.testing.assert_allclose(learned[~mdp.terminal], q[~mdp.terminal], atol=0.01)


@pytest.mark.system("rl.dqn")
def test_nothing_is_learned_before_the_memory_holds_enough(key):
    method = dqn(replace(SMALL, replay_start=12), probes()["both"].environment())  # four transitions a step
    start, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    same = lambda a, b: all(jax.tree.leaves(jax.tree.map(jnp.array_equal, a, b)))
    state, _ = step(jax.random.fold_in(key, 0), start, None)
    state, _ = step(jax.random.fold_in(key, 1), state, None)
    assert same((state.params, state.opt_state), (start.params, start.opt_state))
    state, _ = step(jax.random.fold_in(key, 2), state, None)
    assert not same(state.params, start.params)
    assert state.opt_state[0].count == 1


def test_evaluate_is_the_mean_return_of_the_greedy_policy(key):
    method = dqn(SMALL, probes()["both"].environment())
    state, history = train(jax.random.clone(key), method, nothing, 600, chunk=600)
    assert evaluate(key, method, state, nothing, 1)["return"] == 1
    assert history["return"][-100:].mean() < 1  # while playing, three in ten actions are random


def test_what_it_cannot_do_is_refused():
    env = probes()["both"].environment()
    with pytest.raises(ConfigError, match="discrete"):
        dqn(SMALL, env._replace(actions=Box(np.zeros(1), np.ones(1))))
    with pytest.raises(ConfigError, match="no multiple"):
        dqn(Config(buffer=401, envs=4), env)
