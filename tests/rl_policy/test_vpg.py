"""One update after the other, in a plain loop; to first order, and on average, REINFORCE."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.policy import policy
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import environment
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.distributions import categorical_log_prob
from jaxicon.ops.returns import discounted_returns
from jaxicon.rl_policy.reinforce import play
from jaxicon.rl_policy.vpg import Config, sweep, vpg
from tests.rl_policy._enumeration import expectation, expected_return, small_mdp, trajectories

SMALL = Config((16,), 0.05, discount=DISCOUNT, episodes=8)
LOGITS = np.random.default_rng(1).normal(size=(3, 2))
table_log_prob = lambda table, s, a: categorical_log_prob(table[s], a)


def example():
    return vpg(SMALL, probes()["both"].environment()), nothing


def displacements(played, discount: float, alpha: float):
    """The change of a table of logits by every trajectory's sweep, per alpha [n, s, a]."""
    credit = jax.vmap(lambda r: discounted_returns(r, jnp.zeros(r.shape, bool), discount))(jnp.asarray(played.reward))
    start = jnp.asarray(LOGITS)
    one = lambda *row: (sweep(table_log_prob, start, *row, alpha) - start) / alpha
    return jax.jit(jax.vmap(one))(played.state, played.action, credit, played.alive.sum(1))


@pytest.mark.system("rl.vpg")
def test_without_discount_the_mean_change_is_that_of_reinforce(x64):
    """In the limit of small steps, that is: at a tenth of alpha a tenth of the difference is left."""
    played = trajectories(small_mdp(0), 2)
    exact = jax.grad(lambda logits: expected_return(played, logits))(jnp.asarray(LOGITS))
    mean = lambda alpha: expectation(played, LOGITS, displacements(played, 1.0, alpha))
    np.testing.assert_allclose(mean(1e-7), exact, rtol=1e-5, atol=1e-7)
    errors = [np.abs(mean(alpha) - exact).max() for alpha in (1e-2, 1e-3)]
    np.testing.assert_allclose(errors[0] / errors[1], 10, rtol=0.05)


@pytest.mark.system("rl.vpg")
def test_with_discount_the_mean_change_is_the_gradient_of_no_return(x64):
    played = trajectories(small_mdp(0), 2)
    exact = jax.grad(lambda logits: expected_return(played, logits, 0.5))(jnp.asarray(LOGITS))
    mean = expectation(played, LOGITS, displacements(played, 0.5, 1e-7))
    assert np.abs(mean - exact).max() > 0.2 * np.abs(exact).max()


@pytest.mark.system("rl.vpg")
def test_a_step_is_a_loop_over_episodes_and_their_steps(x64, key):
    """With NumPy: the gradient is taken anew after each of them, and nothing after the end counts."""
    config = Config((), 0.3, batch=2, discount=0.8)
    env = environment(small_mdp(3), 5)._replace(observe=lambda state: jax.nn.one_hot(state, 3))
    method = vpg(config, env)
    state = fresh(jax.random.clone(key), method)
    after, metrics = jax.jit(method.step)(jax.random.clone(key), state, None)
    before = jax.tree.map(np.asarray, state.params["actor"]["params"]["Dense_0"])
    seen, _ = play(key, env, policy(env.actions), lambda obs: tanh_mlp(2).apply(state.params["actor"], obs), 2)
    total = 0.0
    lengths = [np.flatnonzero(np.asarray(seen.terminal | seen.truncated)[:, i])[0] + 1 for i in range(2)]
    kernel, bias = before["kernel"].copy(), before["bias"].copy()
    for i, n in enumerate(lengths):
        reward = np.asarray(seen.reward[:n, i])
        total += reward.sum()
        for t in range(n):
            worth = sum(0.8 ** (u - t) * reward[u] for u in range(t, n))
            obs = np.asarray(seen.obs[t, i])
            w = obs @ kernel + bias
            score = np.eye(2)[int(seen.action[t, i])] - np.exp(w) / np.exp(w).sum()
            kernel, bias = kernel + 0.3 * worth * np.outer(obs, score), bias + 0.3 * worth * score
    got = after.params["actor"]["params"]["Dense_0"]
    np.testing.assert_allclose(got["kernel"], kernel, rtol=1e-10)
    np.testing.assert_allclose(got["bias"], bias, rtol=1e-10)
    np.testing.assert_allclose(metrics["return"], total / 2, rtol=1e-12)
    assert min(lengths) < 5


@pytest.mark.system("rl.policy_network_s4")
def test_the_network_of_the_listing_has_4610_parameters_and_speaks_of_discrete_actions(key):
    env = cartpole()
    state = fresh(jax.random.clone(key), vpg(Config(), env))
    actor = state.params["actor"]
    assert sum(x.size for x in jax.tree.leaves(actor)) == 4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2 == 4610
    logits = tanh_mlp(64, 64, 2).apply(actor, 5 * jax.random.normal(key, (100, 4)))
    p = np.exp([policy(env.actions).log_prob(logits, jnp.full(100, a)) for a in range(2)])
    np.testing.assert_allclose(p.sum(0), 1, rtol=1e-5)
    assert p.min() > 0


@pytest.mark.slow
def test_a_probe_is_solved(key):
    method = vpg(SMALL, probes()["both"].environment())
    state, _ = train(jax.random.clone(key), method, nothing, 200, chunk=200)
    assert evaluate(key, method, state, nothing, 1)["return"] == 1
