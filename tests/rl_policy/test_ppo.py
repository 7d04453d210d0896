"""Against torch, the tables of the probes, and the exact statements of the clip."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs import policy as rollouts
from jaxicon.envs.environment import Box, Discrete, Environment
from jaxicon.envs.policy import policy
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn import mlp as nn
from jaxicon.ops.returns import gae
from jaxicon.rl_policy import ppo as module
from jaxicon.rl_policy.ppo import Config, Lesson, objective, ppo, surrogate

GOLDEN = Path(__file__).parents[1] / "golden" / "ppo.npz"
SMALL = Config(
    (16,), 2e-2, updates=60, envs=8, steps=16, minibatches=2, discount=DISCOUNT, entropy_weight=0.003, episodes=8
)
ACTIONS = {"discrete": Discrete(3), "box": Box(np.array([-2.0, 0.0]), np.array([2.0, 10.0]))}


def example():
    return ppo(SMALL, probes()["both"].environment()), nothing


def bandit() -> Environment:
    """One step, one number between 0 and 2, the best of which is 1.2; the state counts for nothing."""

    def step(key, state, action):
        return state, -((action[0] - 1.2) ** 2), jnp.array(True)

    box = Box(np.array([0.0]), np.array([2.0]))
    return Environment(lambda key: jnp.zeros(1), step, lambda state: state, box, 1)


def trained(key, env: Environment, config: Config = SMALL):
    method = ppo(config, env)
    return method, train(key, method, nothing, config.updates, chunk=config.updates)[0]


def values(params, obs) -> np.ndarray:
    return np.asarray(nn.mlp(*SMALL.hidden, 1, activation=jnp.tanh).apply(params["critic"], obs)[..., 0])


@pytest.mark.slow
@pytest.mark.system("rl.ppo")
@pytest.mark.parametrize("name", probes())
def test_probes_are_solved_and_valued(name, key):
    probe = probes()[name]
    method, state = trained(key, probe.environment())
    alive = ~probe.mdp.terminal
    obs, wanted = jnp.asarray(probe.features, float)[alive], probe.values[alive]
    np.testing.assert_allclose(values(state.params, obs), wanted.max(-1), atol=0.1)
    chosen = np.asarray(method.act(jax.random.key(1), state, obs))
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))


@pytest.mark.system("rl.ppo")
def test_a_wrong_end_is_seen_on_the_time_limit_probe(key, monkeypatch):
    """To cut the bootstrap at the time limit makes the second state too cheap."""
    cut = lambda reward, terminal, truncated, *rest: gae(reward, terminal | truncated, truncated, *rest)
    monkeypatch.setattr(rollouts, "gae", cut)
    probe = probes()["time_limit"]
    _, state = trained(key, probe.environment())
    assert values(state.params, jnp.ones((1, 1)))[0] < probe.values[1].max() - 0.2


@pytest.mark.system("rl.ppo")
@pytest.mark.parametrize("advantage", [-2.0, 2.0])
def test_the_gradient_is_zero_exactly_where_the_clip_holds(x64, advantage):
    """With A > 0 above 1 + clip, with A < 0 below 1 - clip, and A everywhere else."""
    ratio = jnp.array([0.1, 0.79, 0.81, 1.0, 1.19, 1.21, 3.0])
    gradient = jax.vmap(jax.grad(surrogate), (0, None, None))(ratio, jnp.asarray(advantage), 0.2)
    held = ratio > 1.2 if advantage > 0 else ratio < 0.8
    np.testing.assert_array_equal(gradient, np.where(held, 0, advantage))


@pytest.mark.slow
@pytest.mark.system("rl.ppo")
@pytest.mark.parametrize("env", [probes()["both"].environment(), bandit()], ids=["discrete", "box"])
def test_before_the_first_change_every_ratio_is_exactly_one(env, key):
    """Nothing changes at learning rate 0, so the divergence from the policy that played is 0 to the last bit."""
    method = ppo(replace(SMALL, learning_rate=0.0), env)
    _, history = train(jax.random.clone(key), method, nothing, 3, chunk=3)
    np.testing.assert_array_equal(history["kl"], 0)
    _, history = train(key, ppo(SMALL, env), nothing, 3, chunk=3)
    assert (history["kl"] > 0).all()


@pytest.mark.slow
@pytest.mark.system("rl.ppo")
@pytest.mark.parametrize("kind", ACTIONS)
def test_loss_and_gradients_are_those_of_torch(kind, x64):
    golden = {k.removeprefix(f"{kind}/"): v for k, v in np.load(GOLDEN).items() if k.startswith(f"{kind}/")}
    tree = lambda part, name: {
        "params": {
            f"Dense_{i}": {w: jnp.asarray(golden[f"{part}/{name}/{i}/{w}"]) for w in ("kernel", "bias")}
            for i in range(3)
        }
    }
    lesson = Lesson(**{field: jnp.asarray(golden[field]) for field in Lesson._fields})
    family, config = policy(ACTIONS[kind]), Config()
    net = lambda size: nn.mlp(16, 16, size, activation=jnp.tanh)

    def loss(params):
        output = net(family.size).apply(params["actor"], lesson.obs)
        return objective(config, family, output, net(1).apply(params["critic"], lesson.obs)[:, 0], lesson)[0]

    params = {name: tree("weight", name) for name in ("actor", "critic")}
    value, grads = jax.value_and_grad(loss)(params)
    np.testing.assert_allclose(value, golden["loss"], rtol=1e-12)
    for name in params:
        jax.tree.map(
            lambda got, wanted: np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-14),
            grads[name],
            tree("grad", name),
        )


@pytest.mark.system("rl.ac_two_networks")
@pytest.mark.parametrize("still", ["actor", "critic"])
def test_a_network_that_has_no_loss_of_its_own_does_not_change(still, key, monkeypatch):
    if still == "actor":
        monkeypatch.setattr(module, "surrogate", lambda ratio, *rest: 0 * ratio)
    config = replace(SMALL, entropy_weight=0.0, value_weight=1.0 if still == "actor" else 0.0)
    method = ppo(config, probes()["both"].environment())
    state = fresh(jax.random.clone(key), method)
    after, _ = jax.jit(method.step)(key, state, None)
    for name in ("actor", "critic"):
        pairs = zip(*(jax.tree.leaves(s.params[name]) for s in (state, after)), strict=True)
        assert {bool(jnp.array_equal(x, y)) for x, y in pairs} == {name == still}


@pytest.mark.system("rl.gaussian_policy")
def test_a_gaussian_policy_finds_the_best_number_in_a_box(key):
    method, state = trained(key, bandit(), replace(SMALL, updates=80, learning_rate=5e-3))
    np.testing.assert_allclose(method.act(jax.random.key(1), state, jnp.zeros(1)), [1.2], atol=0.01)


def test_the_actor_starts_almost_indifferent(key):
    state = fresh(key, ppo(SMALL, bandit()))
    last = lambda name: np.linalg.norm(state.params[name]["params"]["Dense_1"]["kernel"], axis=0)
    np.testing.assert_allclose(last("actor"), 0.01, rtol=1e-5)
    np.testing.assert_allclose(last("critic"), 1, rtol=1e-5)


def test_the_gradient_has_a_largest_norm(key):
    """Adam's first moment after one gradient step is a tenth of the gradient."""
    method = ppo(replace(SMALL, epochs=1, minibatches=1, reward_scale=100.0), bandit())
    first, _ = jax.jit(method.step)(jax.random.key(1), fresh(jax.random.key(0), method), None)
    moments = jax.tree.leaves(first.opt_state[1].mu)
    np.testing.assert_allclose(sum((m**2).sum() for m in moments) ** 0.5, 0.1 * SMALL.largest_gradient, rtol=1e-5)


def test_the_rate_falls_from_update_to_update():
    """Of two updates the second has half the rate, in all its gradient steps; a third changes nothing."""
    method = ppo(replace(SMALL, updates=2), bandit())
    half = ppo(replace(SMALL, updates=10**6, learning_rate=SMALL.learning_rate / 2), bandit())
    step, slower_step = jax.jit(method.step), jax.jit(half.step)
    first, _ = step(jax.random.key(1), fresh(jax.random.key(0), method), None)
    second, _ = step(jax.random.key(2), first, None)
    slower, _ = slower_step(jax.random.key(2), first, None)
    third, _ = step(jax.random.key(3), second, None)
    near = lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    jax.tree.map(near, second.params, slower.params)
    jax.tree.map(np.testing.assert_array_equal, second.params, third.params)


def test_evaluate_is_the_return_of_the_likeliest_actions_in_the_units_of_the_environment(key):
    env = probes()["both"].environment()
    method, state = trained(jax.random.clone(key), env, replace(SMALL, reward_scale=0.1))
    assert evaluate(key, method, state, nothing, 1)["return"] == 1
    np.testing.assert_allclose(values(state.params, jnp.array([[-1.0], [1.0]])), 0.1, atol=0.02)


def test_networks_may_be_given(key):
    """Affine ones: no hidden layer, weights of the scale that was asked for, of the size that the policy needs."""
    method = ppo(SMALL, bandit(), lambda outputs, scale: nn.tanh_mlp(outputs, scale=scale))
    params = fresh(key, method).params
    for name, outputs, scale in (("actor", 2, 0.01), ("critic", 1, 1.0)):
        assert params[name]["params"].keys() == {"Dense_0"}
        kernel = np.asarray(params[name]["params"]["Dense_0"]["kernel"])
        assert kernel.shape == (1, outputs)
        np.testing.assert_allclose(np.linalg.norm(kernel), scale, rtol=1e-5)


def test_minibatches_of_different_sizes_are_refused():
    with pytest.raises(ConfigError, match="minibatches"):
        ppo(replace(SMALL, minibatches=3), probes()["both"].environment())
