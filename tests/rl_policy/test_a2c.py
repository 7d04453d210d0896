"""Against torch, the tables of the probes, and plain loops."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs import policy as rollouts
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, Discrete, Environment, Transition
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.actor_critic import side_by_side, two_networks
from jaxicon.nn.mlp import mlp
from jaxicon.ops.returns import gae
from jaxicon.rl_policy.a2c import Config, a2c, parts

GOLDEN = Path(__file__).parents[1] / "golden" / "a2c.npz"
SMALL = Config(
    (16,), 2e-2, updates=200, envs=8, steps=8, discount=DISCOUNT, trace=0.9, entropy_weight=0.003, episodes=8
)
LISTING = Config((64,), 1e-3, value_weight=0.5, discount=0.99, trace=1.0, entropy_weight=0.0)


def example():
    return a2c(SMALL, probes()["both"].environment()), nothing


def bandit() -> Environment:
    """One step, one number between 0 and 2, the best of which is 1.2; the state counts for nothing."""

    def step(key, state, action):
        return state, -((action[0] - 1.2) ** 2), jnp.array(True)

    return Environment(lambda key: jnp.zeros(1), step, lambda state: state, Box(np.zeros(1), np.full(1, 2.0)), 1)


def golden(name: str) -> tuple[dict, Transition, dict, dict]:
    """(everything, what was seen, weights, gradients) of a case, as torch has them."""
    found = {k.removeprefix(f"{name}/"): jnp.asarray(v) for k, v in np.load(GOLDEN).items() if k.startswith(name)}
    layers = 3 if name == "a2c" else 2
    net = lambda part, who: {
        "params": {f"Dense_{i}": {w: found[f"{part}/{who}/{i}/{w}"] for w in ("kernel", "bias")} for i in range(layers)}
    }
    both = lambda part: {who: net(part, who) for who in ("actor", "critic")}
    seen = Transition(**{field: found[field] for field in Transition._fields})
    return found, seen, both("weight"), both("grad")


def learned(part, weights, seen):
    return jax.jit(lambda params, seen: part.gradient(params, part.lesson(params, seen)))(weights, seen)


def near(got, wanted):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-13), got, wanted)


@pytest.mark.system("rl.a2c")
def test_one_gradient_is_that_of_torch(x64):
    """Advantages as written-out sums, ends and cuts included, targets that are constants, the entropy bonus."""
    found, seen, weights, grads = golden("a2c")
    config = Config((16, 16), discount=0.97, trace=0.9)
    env = cartpole()._replace(actions=Discrete(3))
    got, metrics = learned(parts(config, env, two_networks), weights, seen)
    near(got, grads)
    np.testing.assert_allclose(metrics["value_loss"], found["value_loss"], rtol=1e-10)


def of_listing(hidden: tuple[int, ...], outputs: int):
    """The listing's networks: relu."""
    return side_by_side(mlp(*hidden, outputs), mlp(*hidden, 1))


@pytest.mark.system("rl.a2c_s4_listing")
def test_the_listing_has_835_parameters_and_the_gradient_of_torch_once_returns_stop_at_ends(x64, key):
    state = fresh(key, a2c(LISTING, cartpole(), of_listing))
    assert sum(x.size for x in jax.tree.leaves(state.params)) == 835
    found, seen, weights, grads = golden("listing")
    part = parts(replace(LISTING, discount=0.97), cartpole()._replace(actions=Discrete(3)), of_listing)
    got, metrics = learned(part, weights, seen)
    near(got, grads)
    np.testing.assert_allclose(metrics["value_loss"], found["value_loss"], rtol=1e-10)


@pytest.mark.system("rl.a2c_s4_listing")
def test_returns_of_the_listing_leak_from_one_episode_into_the_one_before(x64):
    """Its recursion knows no ends. With trace 1 the targets are the returns: up to the end, and no further."""
    reward, ends = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([False, True, False, False, True])

    def recursion(heeded):
        total, found = 0.0, []
        for r, end in zip(reward[::-1], ends[::-1], strict=True):
            total = r + 0.5 * (0.0 if end and heeded else total)
            found.append(total)
        return np.array(found[::-1])

    _, seen, weights, _ = golden("listing")
    seen = jax.tree.map(lambda x: x[:5, :1], seen)._replace(
        reward=jnp.asarray(reward)[:, None], terminal=jnp.asarray(ends)[:, None]
    )
    part = parts(replace(LISTING, discount=0.5), cartpole()._replace(actions=Discrete(3)), of_listing)
    np.testing.assert_allclose(part.lesson(weights, seen).target[:, 0], recursion(True), rtol=1e-12)
    np.testing.assert_allclose(recursion(True), [2, 2, 6.25, 6.5, 5])
    assert recursion(False)[1] == 2 + 0.5 * 6.25


@cache
def solved(name: str):
    """What A2C makes of a probe: (state, values of the states before the end)."""
    probe = probes()[name]
    method = a2c(SMALL, probe.environment())
    state, _ = train(jax.random.key(0), method, nothing, SMALL.updates, chunk=SMALL.updates)
    obs = jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    chosen = np.asarray(method.act(jax.random.key(1), state, obs))
    return np.asarray(two_networks((16,), probe.values.shape[1]).apply(state.params, obs)[1]), chosen


@pytest.mark.slow
@pytest.mark.system("rl.a2c")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_are_solved_and_valued(name):
    """On the time limit, an episode that is cut off bootstraps, and one that is over does not."""
    probe = probes()[name]
    wanted = probe.values[~probe.mdp.terminal]
    value, chosen = solved(name)
    np.testing.assert_allclose(value, wanted.max(-1), atol=0.1)
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))


@pytest.mark.system("rl.a2c")
def test_a_wrong_end_is_seen_on_the_time_limit_probe(monkeypatch):
    cut = lambda reward, terminal, truncated, *rest: gae(reward, terminal | truncated, truncated, *rest)
    monkeypatch.setattr(rollouts, "gae", cut)
    value, _ = solved.__wrapped__("time_limit")
    assert value[1] < probes()["time_limit"].values[1].max() - 0.2


@pytest.mark.slow
@pytest.mark.system("rl.a2c")
def test_trace_0_is_the_notes_advantage_and_its_policy_step_leaves_the_critic_alone(x64):
    """A = r + discount V(s') - V(s), row by row; what is held fixed has no gradient, in either direction."""
    _, seen, weights, _ = golden("a2c")
    config = Config((16, 16), discount=0.97, trace=0.0, entropy_weight=0.0)
    make = lambda **changes: parts(replace(config, **changes), cartpole()._replace(actions=Discrete(3)), two_networks)
    lesson = make().lesson(weights, seen)
    value = lambda obs: two_networks((16, 16), 3).apply(weights, obs)[1]
    wanted = seen.reward + 0.97 * np.where(seen.terminal, 0, value(seen.next_obs)) - value(seen.obs)
    np.testing.assert_allclose(lesson.advantage, wanted, rtol=1e-10)
    np.testing.assert_allclose(lesson.target, wanted + value(seen.obs), rtol=1e-10)
    policy_only, _ = make(value_weight=0.0).gradient(weights, lesson)
    assert all((x == 0).all() for x in jax.tree.leaves(policy_only["critic"]))
    value_only, _ = make().gradient(weights, lesson._replace(advantage=jnp.zeros_like(lesson.advantage)))
    assert all((x == 0).all() for x in jax.tree.leaves(value_only["actor"]))


@pytest.mark.system("rl.gaussian_policy")
def test_a_gaussian_policy_finds_the_best_number_in_a_box(key):
    config = replace(SMALL, learning_rate=1e-2, updates=400, entropy_weight=0.0)
    method = a2c(config, bandit())
    state, _ = train(key, method, nothing, 400, chunk=400)
    np.testing.assert_allclose(method.act(jax.random.key(1), state, jnp.zeros(1)), [1.2], atol=0.03)


def test_rewards_are_scaled_in_the_lesson_and_not_in_the_return(key):
    env = probes()["both"].environment()
    method = a2c(replace(SMALL, reward_scale=0.1), env)
    state, _ = train(jax.random.clone(key), method, nothing, SMALL.updates, chunk=SMALL.updates)
    assert evaluate(key, method, state, nothing, 1)["return"] == 1
    value = two_networks((16,), 2).apply(state.params, jnp.array([[-1.0], [1.0]]))[1]
    np.testing.assert_allclose(value, 0.1, atol=0.03)


def test_the_gradient_has_a_largest_norm_and_the_rate_falls_to_zero(key):
    """Adam's first moment after one step is a tenth of the gradient; after `updates` steps nothing moves."""
    method = a2c(replace(SMALL, reward_scale=1e3, updates=2), probes()["both"].environment())
    step, state = jax.jit(method.step), fresh(key, method)
    states = [state]
    for t in range(3):
        state, _ = step(jax.random.key(t), state, None)
        states.append(state)
    moments = jax.tree.leaves(states[1].opt_state[1][0].mu)
    np.testing.assert_allclose(sum((m**2).sum() for m in moments) ** 0.5, 0.1 * SMALL.largest_gradient, rtol=1e-5)
    same = lambda a, b: all(jax.tree.leaves(jax.tree.map(jnp.array_equal, a.params, b.params)))
    assert [same(a, b) for a, b in pairwise(states)] == [False, False, True]


@pytest.mark.parametrize("wrong", [{"discount": 1.1}, {"trace": -0.1}, {"steps": 0}, {"envs": 0}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        a2c(replace(SMALL, **wrong), cartpole())
