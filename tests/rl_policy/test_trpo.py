"""The line search tried out by NumPy, and a hundred updates watched from outside."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import vectorised
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.policy import advantages, policy, rollout
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.rl_policy.natural_policy_gradient import Problem
from jaxicon.rl_policy.trpo import Config, line_search, trpo
from tests.rl_policy.test_natural_policy_gradient import retold

SMALL = Config((16,), envs=8, steps=16, divergence=0.02, discount=DISCOUNT, value_rate=1e-2, value_steps=20, episodes=8)
LINEAR = replace(SMALL, hidden=(), steps=9, envs=3, iterations=20, damping=0.05, trace=0.7, value_steps=1)


def example():
    return trpo(SMALL, probes()["both"].environment()), nothing


@pytest.mark.slow
@pytest.mark.system("rl.trpo")
def test_a_step_is_the_longest_of_the_tries_that_hold(x64):
    """The natural step of a dense solution, shortened as NumPy finds it. From decided policies, and with a divergence
    so wide that the quadratic model fails, steps of several lengths come out."""
    config = replace(LINEAR, divergence=0.5, shrink=0.7)
    env = probes()["both"].environment()
    method, shares, rng = trpo(config, env), [], np.random.default_rng(0)
    start, step = jax.jit(method.init), jax.jit(method.step)
    for i in range(5):
        state = start(jax.random.key(i), None)
        decided = jax.tree.map(lambda x: x + rng.normal(size=x.shape), state.params["actor"])
        state = state._replace(params=state.params | {"actor": decided})
        told = retold(jax.random.key(100 + i), state, config, env)
        after, metrics = step(jax.random.key(100 + i), state, None)
        ways = [told.before + 0.7**j * told.step for j in range(config.tries)]
        held = [0.7**j for j, w in enumerate(ways) if told.kl(w) <= 0.5 and told.gain(w) > 0]
        share = held[0] if held else 0.0
        np.testing.assert_allclose(metrics["accepted"], share, rtol=1e-12)
        vector = jax.flatten_util.ravel_pytree(after.params["actor"])[0]
        np.testing.assert_allclose(vector, told.before + share * told.step, rtol=1e-6, atol=1e-8)
        shares.append(share)
    assert len(set(shares)) >= 2, shares


@pytest.mark.system("rl.trpo")
@pytest.mark.parametrize(
    ("gain", "divergence", "wanted"),
    [
        (lambda w: w.sum(), lambda w: w @ w / 100, 1.0),
        (lambda w: w.sum(), lambda w: w @ w, 0.8**11),  # 2 shrink^2j <= 0.02
        (lambda w: w.sum() * (0.7 - w.sum()), lambda w: 0 * w.sum(), 0.8**5),  # 2 shrink^j < 0.7
        (lambda w: -w.sum(), lambda w: 0 * w.sum(), 0.0),
        (lambda w: 0 * w.sum(), lambda w: 0 * w.sum(), 0.0),  # no better is not good enough
    ],
    ids=["whole", "too far", "too greedy", "never", "equal"],
)
def test_the_line_search_asks_for_both(gain, divergence, wanted, x64):
    config = replace(SMALL, tries=15)
    search = lambda before: line_search(config, Problem(gain, divergence), before, jnp.ones(2))
    after, metrics = jax.jit(search)(jnp.zeros(2))
    np.testing.assert_allclose(metrics["accepted"], wanted, rtol=1e-12)
    np.testing.assert_allclose(after, wanted, rtol=1e-12)
    fewer = line_search(replace(config, tries=3), Problem(gain, divergence), jnp.zeros(2), jnp.ones(2))
    assert fewer[1]["accepted"] == (wanted if wanted in (0, 1) else 0)


def watched(key, env, config):
    """A hundred updates: the outputs before and after of the policy in all states seen, actions and advantages."""
    method, family, envs = trpo(config, env), policy(env.actions), vectorised(env, config.envs)
    actor, critic = tanh_mlp(*config.hidden, family.size), tanh_mlp(*config.hidden, 1)

    def update(state, t):
        step_key = jax.random.fold_in(key, t)
        output = lambda params: lambda obs: actor.apply(params["actor"], obs)
        _, seen = rollout(step_key, envs, state.world, family, output(state.params), config.steps)
        judge = lambda obs: critic.apply(state.params["critic"], obs)[..., 0]
        advantage, _ = advantages(judge, seen, config.discount, config.trace)
        after, metrics = method.step(jax.random.clone(step_key), state, None)
        before, now = output(state.params)(seen.obs), output(after.params)(seen.obs)
        return after, (before, now, seen.action, advantage, metrics["accepted"])

    run = jax.jit(lambda state: jax.lax.scan(update, state, jnp.arange(100)))
    return [np.asarray(x, float) for x in run(fresh(jax.random.clone(key), method))[1]]


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def discrete(before, now, action):
    """(KL, ratio of the drawn action) per state."""
    p, q = log_softmax(before), log_softmax(now)
    chosen = lambda log_p: np.take_along_axis(log_p, action[..., None].astype(int), -1)[..., 0]
    return (np.exp(p) * (p - q)).sum(-1), np.exp(chosen(q) - chosen(p))


def gaussian(before, now, action):
    """Torques between -2 and 2: means and deviations are in units of 2."""
    moments = lambda output: (2 * output[..., :1], 2 * np.exp(np.clip(output[..., 1:], -5, 2)))
    (m, s), (n, r) = moments(before), moments(now)
    kl = np.log(r / s) + (s**2 + (m - n) ** 2) / (2 * r**2) - 0.5
    return kl[..., 0], np.exp(stats.norm.logpdf(action, n, r) - stats.norm.logpdf(action, m, s))[..., 0]


@pytest.mark.system("rl.trpo")
@pytest.mark.parametrize(
    ("env", "measure"),
    [pytest.param(cartpole(), discrete, marks=pytest.mark.slow), (pendulum(), gaussian)],
    ids=["cart", "rod"],
)
def test_no_update_goes_too_far_and_each_that_is_taken_pays(env, measure, x64, key):
    """KL and surrogate by NumPy, from what the networks say before and after."""
    config = Config((8,), envs=4, steps=32, value_steps=3)
    before, now, action, advantage, accepted = watched(key, env, config)
    kl, ratio = measure(before, now, action)
    assert (kl.mean((1, 2)) <= config.divergence * (1 + 1e-3)).all()
    assert (kl.mean((1, 2))[accepted > 0] > 0.2 * config.divergence).mean() > 0.5
    centred = advantage - advantage.mean((1, 2), keepdims=True)
    gain = ((ratio - 1) * centred).mean((1, 2)) / advantage.std((1, 2))
    taken = accepted > 0
    assert (gain[taken] > 0).all()
    assert taken.mean() > 0.9
    np.testing.assert_array_equal(before[~taken], now[~taken])


def test_the_time_limit_probe_is_solved_and_valued(key):
    probe = probes()["time_limit"]
    method = trpo(SMALL, probe.environment())
    state, _ = train(key, method, nothing, 60, chunk=60)
    alive = ~probe.mdp.terminal
    obs, wanted = jnp.asarray(probe.features, float)[alive], probe.values[alive]
    chosen = np.asarray(method.act(jax.random.key(1), state, obs))
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))
    value = tanh_mlp(16, 1).apply(state.params["critic"], obs)[:, 0]
    np.testing.assert_allclose(value, wanted.max(-1), atol=0.1)


@pytest.mark.parametrize("change", [{"shrink": 1.5}, {"tries": 0}])
def test_what_cannot_be_is_refused(change):
    with pytest.raises(ConfigError, match=f"trpo: {next(iter(change))}"):
        trpo(replace(SMALL, **change), probes()["both"].environment())
