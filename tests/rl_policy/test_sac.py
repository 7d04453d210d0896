"""Against torch, soft value iteration in NumPy, and distributions with a known entropy."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.special import logsumexp

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Box, Environment, Transition, mean_return
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.critic import critics
from jaxicon.nn.flat import flat
from jaxicon.rl_policy import sac as module
from jaxicon.rl_policy.sac import Config, Parts, sac, soft_target

GOLDEN = Path(__file__).parents[1] / "golden" / "sac.npz"
NUMBERS = dict(mixing=0.05, discount=DISCOUNT, envs=4, buffer=4000, batch=64, warmup=50, episodes=8)
SMALL = Config((32, 32), 3e-3, 5e-3, 3e-3, 0.1, **NUMBERS)
BOX = Box(np.array([-1.0]), np.array([1.0]))


def chain(gain: float, horizon: int = 20) -> Environment:
    """Two states in turn. In the first an action pays `gain` times itself, in the second nothing, and the second is
    left for the first with a reward of 1."""

    def step(key, state, action):
        return 1 - state, jnp.where(state == 0, gain * action[0], 1.0), jnp.array(False)

    return Environment(lambda key: jnp.int32(0), step, lambda state: 2.0 * state[None] - 1, BOX, horizon)


def example():
    return sac(replace(SMALL, hidden=(16,)), chain(0.5)), nothing


def vector(golden, *prefixes: str):
    """Weights of torch as one vector of ours; of several networks, each leaf stacked."""
    layer = lambda prefix, i: {name: jnp.asarray(golden[f"{prefix}/{i}/{name}"]) for name in ("kernel", "bias")}
    trees = [{"params": {f"Dense_{i}": layer(prefix, i) for i in range(3)}} for prefix in prefixes]
    return ravel_pytree(jax.tree.map(lambda *x: jnp.stack(x), *trees) if len(trees) > 1 else trees[0])[0]


def both(when: str, name: str) -> list[str]:
    return [f"{when}/{name}{i}" for i in range(2)]


@pytest.mark.system("rl.sac")
def test_one_update_is_that_of_torch(x64, monkeypatch):
    """Targets and log-probabilities under given noise, both critics, the actor, alpha and the averages."""
    golden, real = np.load(GOLDEN), (module.life, module.squashed_gaussian)
    seen = Transition(**{name: jnp.asarray(golden[f"batch/{name}"]) for name in Transition._fields})
    noises = [None, golden["next_noise"], golden["noise"]]  # in the order in which they are asked for
    given = lambda mean, log_std, noise: real[1](
        mean, log_std, noise if (x := noises.pop(0)) is None else jnp.asarray(x)
    )
    monkeypatch.setattr(module, "life", lambda *args: real[0](*args)._replace(recall=lambda key, now: seen))
    monkeypatch.setattr(module, "squashed_gaussian", given)
    config = Config((16, 16), 0.01, 0.02, 0.03, entropy=-1.5, mixing=0.1, discount=0.9, buffer=8, batch=1, warmup=1)
    step = lambda key, state, action: (state, jnp.zeros(()), jnp.array(False))
    env = Environment(lambda key: jnp.zeros(3), step, lambda state: state, Box(-np.ones(2), np.ones(2)), 10)
    method = sac(config, env)
    params = Parts(
        vector(golden, "before/actor"), vector(golden, *both("before", "critic")), golden["before/log_alpha"]
    )
    target = vector(golden, *both("before", "target"))
    state = method.init(jax.random.key(0), None)._replace(params=jax.tree.map(jnp.asarray, params), target=target)
    after, metrics = jax.jit(method.step)(jax.random.key(1), state, None)
    moments = jax.tree.map(lambda x: x / 0.1, [opt_state[0].mu for opt_state in after.opt_state])  # the gradients
    near = lambda got, wanted: np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-10)
    near([metrics["td_loss"], metrics["entropy"]], [golden["loss"], -golden["log_prob"].mean()])
    near(moments[0], vector(golden, "grad/actor"))
    near(moments[1], vector(golden, *both("grad", "critic")))
    near(moments[2], golden["grad/log_alpha"])
    near(after.params.critics, vector(golden, *both("after", "critic")))
    near(after.params.actor, vector(golden, "after/actor"))
    near(after.params.log_alpha, golden["after/log_alpha"])
    near(after.target, vector(golden, *both("after", "target")))


@pytest.mark.system("rl.sac")
def test_the_fixed_point_of_the_target_is_that_of_soft_value_iteration(x64):
    """On a random MDP with four states, one of them terminal, and the exact expectation under pi = softmax(Q / alpha).

    Soft value iteration in NumPy has v = alpha log sum exp(q / alpha) instead; and at its fixed point the linear
    equations of the reward with the entropy hold.
    """
    random = np.random.default_rng(0)
    transition, reward, alpha, discount = random.dirichlet(np.ones(4), (4, 3)), random.normal(size=(4, 3)), 0.3, 0.9
    end = np.arange(4) == 3
    value_of = lambda next_q, log_prob: soft_target(  # of two critics, the other of which says more
        jnp.zeros(4), jnp.asarray(end), discount, jnp.stack([next_q + 1, next_q]), log_prob, alpha
    )

    def improved(_, q):
        log_pi = jax.nn.log_softmax(q / alpha)
        drawn = jax.vmap(value_of, 1, 1)(q, log_pi)  # for every next action
        return reward + transition @ (jnp.exp(log_pi) * drawn).sum(1)

    got = jax.lax.fori_loop(0, 400, improved, jnp.zeros((4, 3)))
    q = np.zeros((4, 3))
    for _ in range(400):
        q = reward + discount * transition @ np.where(end, 0, alpha * logsumexp(q / alpha, axis=1))
    np.testing.assert_allclose(got, q, rtol=1e-10)
    log_pi = q / alpha - logsumexp(q / alpha, axis=1, keepdims=True)
    pi, alive = np.exp(log_pi), ~end
    gain = (pi * (reward - alpha * log_pi)).sum(1)
    flow = discount * np.einsum("sa,sap->sp", pi, transition)
    value = np.linalg.solve(np.eye(3) - flow[np.ix_(alive, alive)], gain[alive])
    np.testing.assert_allclose(value, alpha * logsumexp(q / alpha, axis=1)[alive], rtol=1e-10)


def soft_values(gain: float, alpha: float, discount: float) -> np.ndarray:
    """Of the two states of the chain, with the best density on [-1, 1], on a fine grid."""
    a = np.linspace(-1, 1, 20_001)
    best = lambda reward: alpha * (logsumexp(reward / alpha) + np.log(a[1] - a[0]))
    entropy, paid = best(np.zeros_like(a)), best(gain * a)
    return np.linalg.solve([[1, -discount], [-discount, 1]], [paid, 1 + entropy])


@pytest.mark.slow
@pytest.mark.system("rl.sac")
def test_learned_values_hold_the_entropy_of_what_follows_but_not_of_the_action_itself(key):
    """At a fixed temperature; a squashed Gaussian comes within 0.02 nats of the best density there is."""
    alpha, gain = 0.5, 0.6
    config = replace(SMALL, first_alpha=alpha, alpha_rate=0.0)
    state, history = train(key, sac(config, chain(gain)), nothing, 1500, chunk=1500)
    first, second = soft_values(gain, alpha, DISCOUNT)
    net = flat(critics(*config.hidden, count=2))
    q = lambda obs, action: net.apply(state.params.critics, jnp.array([[obs]]), jnp.array([[action]]))[:, 0]
    for action in (-0.5, 0.0, 0.7):
        np.testing.assert_allclose(q(-1.0, action), gain * action + DISCOUNT * second, atol=0.06)
        np.testing.assert_allclose(q(1.0, action), 1 + DISCOUNT * first, atol=0.06)
    np.testing.assert_allclose(history["alpha"], alpha, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.system("rl.sac")
@pytest.mark.parametrize("first_alpha", [0.003, 1.0])
def test_the_temperature_finds_the_entropy_that_is_wanted_from_above_and_below(first_alpha, key):
    config = replace(SMALL, first_alpha=first_alpha, entropy=-0.3, alpha_rate=2e-2)
    _, history = train(key, sac(config, chain(1.0)), nothing, 1200, chunk=1200)
    np.testing.assert_allclose(history["entropy"][-300:].mean(), -0.3, atol=0.08)
    assert 0.003 < history["alpha"][-1] < 1.0


@pytest.mark.slow
@pytest.mark.system("rl.sac")
def test_a_time_limit_does_not_cut_the_bootstrap_and_an_end_does(key):
    """The probe of the time limit with a number for an action, at a temperature that is next to none."""
    probe = probes()["time_limit"]
    raw = probe.environment()
    step = lambda key, state, action: raw.step(key, state, (action[0] > 0).astype(int))
    config = replace(SMALL, first_alpha=1e-3, alpha_rate=0.0)
    state, _ = train(key, sac(config, raw._replace(step=step, actions=BOX)), nothing, 800, chunk=800)
    obs = jnp.asarray(probe.features, float)[:2]
    net = flat(critics(*config.hidden, count=2))
    q = [net.apply(state.params.critics, obs, jnp.full((2, 1), action)).mean(0) for action in (-0.8, 0.8)]
    np.testing.assert_allclose(q[0], probe.values[:2, 0], atol=0.15)


@pytest.mark.system("rl.locomotion")
@pytest.mark.slow
def test_an_arm_of_two_joints_learns_to_reach_further_than_chance_by_its_confidence_interval(key):
    """Torques on both joints, their angles and speeds to see; 200 paired episodes, five standard errors."""
    env = from_gymnax("Reacher-misc")
    config = replace(SMALL, discount=0.9, envs=16, buffer=32_000, batch=128, episodes=200)
    method = sac(config, env)
    state, _ = train(jax.random.clone(key), method, nothing, 1200, chunk=1200)
    drawn = lambda key, obs: jax.random.uniform(key, (2,), minval=-1.0)
    play = lambda act: jax.vmap(lambda key: mean_return(key, env, act, 1))(jax.random.split(jax.random.clone(key), 200))
    gain = np.asarray(play(lambda key, obs: method.act(key, state, obs)) - play(drawn))
    assert gain.mean() > 5 * gain.std() / 200**0.5
    assert evaluate(key, method, state, nothing, 1)["return"] > 20


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ConfigError, match="sac: needs actions in a box"):
        sac(SMALL, probes()["both"].environment())
    with pytest.raises(ConfigError, match="sac: needs actions in a box"):
        sac(SMALL, chain(1.0)._replace(actions=Box(np.array([-np.inf]), np.array([1.0]))))
    with pytest.raises(ConfigError, match="sac: discount is -0.1"):
        sac(replace(SMALL, discount=-0.1), chain(1.0))
    with pytest.raises(ConfigError, match="sac: batch 8000 is larger than buffer 4000"):
        sac(replace(SMALL, batch=8000), chain(1.0))
