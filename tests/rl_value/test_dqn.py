from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from experiments.guard import bad_metric
from experiments.rl_value import dqn_stability
from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, expected, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Box
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import environment
from jaxicon.nn import mlp as nn
from jaxicon.nn.q_networks import every_action, state_action
from jaxicon.ops.replay import Drawn, Memory, Ring, append, uniform
from jaxicon.rl_tabular.value_iteration import value_iteration
from jaxicon.rl_value import dqn as module
from jaxicon.rl_value.dqn import Config, best_by_target, dqn

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


@pytest.mark.slow
@pytest.mark.system("rl.dqn")
@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(name, key):
    probe = probes()[name]
    np.testing.assert_allclose(learned(name, key), probe.values[~probe.mdp.terminal], atol=0.05)


@pytest.mark.system("rl.dqn")
def test_a_wrong_mask_is_seen_on_the_time_limit_probe(key, monkeypatch):
    """To cut the bootstrap at the time limit makes staying too cheap; to bootstrap from the end, leaving too dear."""
    _, (stay, leave) = probes()["time_limit"].values[:2]
    target = module.one_step_target
    cut = lambda seen: seen._replace(terminal=seen.terminal | seen.truncated)
    forgetful = uniform._replace(append=lambda ring, seen: append(ring, cut(seen)))
    assert learned("time_limit", jax.random.clone(key), partial(dqn, memory=forgetful))[1, 0] < stay - 0.2
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
    config = Config((), 0.1, 10**9, 0.9, 1, 1, 1, 1, target_every=10**9, epsilon_end=1.0)
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
    config = Config((), 0.1, 10**9, 0.9, 1, 1, 1, 1, target_every=10**9, epsilon_end=1.0, ceiling=ceiling)
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


@pytest.mark.slow
@pytest.mark.system("rl.q_replay")
def test_every_repeat_draws_anew(x64, key):
    """A memory of one transition that weighs it by chance, and a rate that changes nothing: the loss is that of one
    update times the mean of the weights."""
    config = Config((), 1e-300, 10**9, 0.9, 1, 1, 1, 1, target_every=10**9, epsilon_end=1.0)

    def weighing(key, ring, n):
        return uniform.sample(jax.random.key(0), ring, n)._replace(weight=jnp.full(n, jax.random.uniform(key)))

    def loss(repeats, memory):
        method = dqn(replace(config, repeats=repeats), probes()["both"].environment(), memory=memory)
        state = fresh(jax.random.clone(key), method)
        return method.step(jax.random.key(1), state, None)[1]["td_loss"]

    replay_key = jax.random.split(jax.random.key(1))[1]
    weights = [jax.random.uniform(jax.random.fold_in(replay_key, i)) for i in range(3)]
    mean = loss(3, uniform._replace(sample=weighing)) / loss(1, uniform)
    np.testing.assert_allclose(mean, np.mean(weights), rtol=1e-9)


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


class Told(NamedTuple):
    """A ring, and what `rate` was told last."""

    ring: Ring
    index: jax.Array
    error: jax.Array

    @property
    def written(self):
        return self.ring.written


def telling(index, weight) -> Memory:
    """A memory of which always the same rows are drawn, with the same weights."""
    begin = lambda row, capacity: Told(uniform.empty(row, capacity), 0 * index, jnp.zeros(weight.size))
    give = lambda key, told, n: Drawn(jax.tree.map(lambda x: x[index], told.ring.rows), index, weight)
    return Memory(
        begin,
        lambda told, new: told._replace(ring=append(told.ring, new)),
        give,
        lambda told, *now: Told(told.ring, *now),
    )


@pytest.mark.system("rl.per")
def test_the_memory_weighs_the_loss_and_is_told_the_errors(x64, key):
    """A linear network and rows drawn on purpose, one of them twice: the errors by NumPy."""
    index, weight = jnp.array([3, 1, 1]), jnp.array([1.0, 0.5, 0.25])
    config = replace(SMALL, hidden=(), buffer=4, batch=3, replay_start=1, target_every=10**9)
    method = dqn(config, probes()["time_limit"].environment(), memory=telling(index, weight))
    state = fresh(jax.random.clone(key), method)
    after, metrics = jax.jit(method.step)(key, state, None)
    seen = jax.tree.map(lambda x: np.asarray(x[index]), after.memory.ring.rows)
    values = lambda obs: np.asarray(nn.mlp(2).apply(state.params, jnp.asarray(obs)))
    wanted = seen.reward + DISCOUNT * np.where(seen.terminal, 0, values(seen.next_obs).max(1))
    error = wanted - values(seen.obs)[np.arange(3), seen.action]
    np.testing.assert_allclose(after.memory.error, error, rtol=1e-12)
    np.testing.assert_array_equal(after.memory.index, index)
    np.testing.assert_allclose(metrics["td_loss"], (weight * error**2).sum() / 3, rtol=1e-12)


@pytest.mark.system("rl.q_replay", "rl.q_target")
@pytest.mark.parametrize("fixed", [True, False])
def test_after_a_move_come_k_updates_towards_the_target_or_without_one(x64, fixed, key):
    """Algorithms 21 and 20, on one transition that is no end, against a loop of Adam in NumPy."""
    config = Config((), 0.1, 10**9, 0.9, 1, 1, 1, 1, repeats=5, target_every=10**9, epsilon_end=1.0)
    bootstrap = best_by_target if fixed else lambda online, target: online.max()
    method = dqn(config, probes()["time_limit"].environment(), bootstrap)
    state = fresh(jax.random.clone(key), method)
    target = jax.tree.map(lambda x: 2 * x + 0.3, state.params)
    after, _ = jax.jit(method.step)(key, state._replace(target=target), None)
    obs, action, reward, _, _, then = jax.tree.map(lambda x: np.asarray(x[0]), after.memory.rows)
    values = lambda theta, x: np.array([*x, 1.0]) @ theta
    rows = lambda layer: np.stack([layer["kernel"][0], layer["bias"]])
    theta, other = (rows(params["params"]["Dense_0"]) for params in (state.params, target))
    first = second = np.zeros((2, 2))
    for k in range(5):
        error = reward + 0.9 * values(other if fixed else theta, then).max() - values(theta, obs)[action]
        slope = np.zeros((2, 2))
        slope[:, action] = -2 * error * np.array([*obs, 1.0])
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        mean, square = first / (1 - 0.9 ** (k + 1)), second / (1 - 0.999 ** (k + 1))
        theta = theta - 0.1 * (1 - k / 10**9) * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(rows(after.params["params"]["Dense_0"]), theta, atol=1e-7)


def test_a_reward_that_is_not_a_number_is_a_metric_that_is_not_at_the_same_step(key):
    """The second move is rewarded with it; the guard of a run names the metric and the step."""
    env = probes()["discount"].environment()

    def step(key, state, action):
        after, reward, terminal = env.step(key, state, action)
        return after, jnp.where(terminal, jnp.nan, reward), terminal

    method = dqn(replace(SMALL, envs=1, buffer=1, batch=1), env._replace(step=step))
    _, history = train(key, method, nothing, 5, chunk=5)
    assert bad_metric(history, 0) == (1, "return")
    assert np.isnan(history["td_loss"][1])


REFUSED = {
    "discount": (-0.1, "0 <= discount <= 1"),
    "epsilon_end": (1.5, "0 <= epsilon_end <= 1"),
    "batch": (401, "batch is 401; expected 1 <= batch <= 400"),
    "envs": (0, "envs is 0; expected a finite number above 0"),
    "buffer": (402, "buffer 402 is no multiple of envs 4"),
    "repeats": (0, "repeats is 0"),
    "learning_rate": (float("nan"), "learning_rate is nan"),
    "target_every": (-1, "target_every is -1"),
}


@pytest.mark.parametrize(("field", "wrong", "says"), [(field, *rest) for field, rest in REFUSED.items()])
def test_numbers_that_cannot_be_are_refused(field, wrong, says):
    with pytest.raises(ConfigError, match=f"^dqn: .*{says}"):
        dqn(replace(SMALL, **{field: wrong}), probes()["both"].environment())


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(ConfigError, match="dqn: needs discrete actions, got Box"):
        dqn(SMALL, probes()["both"].environment()._replace(actions=Box(np.zeros(1), np.ones(1))))


@pytest.mark.system("rl.q_repr_state_action")
def test_with_a_network_of_state_and_action_the_probes_have_their_values(key):
    probe, network = probes()["time_limit"], lambda actions: every_action(state_action(32), actions)
    state, _ = train(key, dqn(SMALL, probe.environment(), network=network), nothing, 600, chunk=600)
    seen = jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    np.testing.assert_allclose(network(2).apply(state.params, seen), probe.values[~probe.mdp.terminal], atol=0.05)


@pytest.mark.system("rl.q_stability_practice")
def test_the_ablation_compares_buffers_and_schedules_and_its_table_has_mean_and_interval(key):
    task = dqn_stability.build(dqn_stability.Experiment())
    with jax.debug_key_reuse(False):  # all four learn from the same key
        states = expected(key, task.method, task.stream)
    memories = {name: state.memory.rows.reward.shape[0] for name, state in states.items()}
    assert memories == {"large_falls": 60_000, "large_fixed": 60_000, "small_falls": 1000, "small_fixed": 1000}
    random = np.random.default_rng(0)
    metrics = {f"{name}_return": random.uniform(9, 500, 10) for name in memories}
    for row, values in zip(dqn_stability.rows(metrics), metrics.values(), strict=True):
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert row[2] == f"{values.mean():.0f} ± {(high - low) / 2:.0f}"
    assert [row[:2] for row in dqn_stability.rows(metrics)] == [
        ["60,000", "1 to 0.05"],
        ["60,000", "0.05"],
        ["1,000", "1 to 0.05"],
        ["1,000", "0.05"],
    ]
