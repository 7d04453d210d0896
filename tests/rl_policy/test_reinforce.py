"""The estimator over every trajectory of small decision processes, and the tables of the probes.

`exact` differentiates a sum of products of probabilities; nothing in it knows of scores, credits or baselines.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.policy import policy
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import environment
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.policy_gradient import batch_mean, full_return, mean_of_others
from jaxicon.ops.returns import discounted_returns
from jaxicon.rl_policy.reinforce import Config, learned, nothing_subtracted, objective, of_batch, play, reinforce
from tests.rl_policy._enumeration import (
    estimates,
    expectation,
    expected_return,
    log_probs,
    probabilities,
    small_mdp,
    trajectories,
)

SMALL = Config((16,), 2e-2, batch=16, discount=DISCOUNT, episodes=8)
TINY = learned(16, unit=2.0)
UPDATES = 80
SLOWER = lambda kept, names: [n if n in kept else pytest.param(n, marks=pytest.mark.slow) for n in names]
LOGITS = np.random.default_rng(1).normal(size=(3, 2))
SEES = np.array([0, 0, 1, 1])  # four states, of which the agent sees two


def example():
    return reinforce(SMALL, probes()["both"].environment(), TINY), nothing


def gradient(played, logits, sees=None, credit=discounted_returns):
    """E of the gradient of `objective` on one trajectory after the other, at discount 1, with a baseline that is a
    function of what is seen."""
    seen = played.state if sees is None else sees[played.state]
    predicted = jnp.asarray(np.random.default_rng(2).normal(size=4)[seen])[..., None]
    columns = jnp.asarray(played.reward), jnp.zeros(played.reward.shape, bool)
    worth = jax.vmap(lambda *columns: credit(*columns, 1.0))(*columns)[..., None]

    def mean(logits):
        log_prob = log_probs(played, logits, sees)[..., None]
        loss = jax.vmap(objective)(log_prob, worth, predicted, jnp.asarray(played.alive)[..., None])[0]
        return -(jax.lax.stop_gradient(probabilities(played, logits, sees)) @ loss)

    return jax.grad(mean)(jnp.asarray(logits))


@pytest.mark.slow
@pytest.mark.system("rl.reinforce")
@pytest.mark.parametrize("credit", [full_return, discounted_returns])
def test_the_mean_over_all_trajectories_is_the_exact_gradient(credit, x64):
    for seed in range(3):
        played = trajectories(small_mdp(seed), 2)
        exact = jax.grad(lambda logits: expected_return(played, logits))(jnp.asarray(LOGITS))
        np.testing.assert_allclose(gradient(played, LOGITS, credit=credit), exact, rtol=1e-12, atol=1e-14)
        assert np.abs(exact).max() > 0.01


@pytest.mark.system("rl.pg_partial_obs")
def test_the_mean_is_exact_for_a_policy_that_does_not_see_the_state(x64):
    """Two steps; states 0 and 1, and 2 and 3, look alike, so that what is seen is no Markov process."""
    played = trajectories(small_mdp(5, states=4), 2)
    logits = LOGITS[:2]
    exact = jax.grad(lambda logits: expected_return(played, logits, sees=SEES))(jnp.asarray(logits))
    np.testing.assert_allclose(gradient(played, logits, SEES), exact, rtol=1e-12, atol=1e-14)
    assert np.abs(exact).max() > 0.01
    # The chance of the next observation depends on more than the last observation and action.
    p, first = probabilities(played, logits, SEES), (played.action[:, 0] == 0)
    came = lambda s: first & (played.state[:, 0] == s)
    after = lambda s: (p * SEES[played.next_state[:, 0]])[came(s)].sum() / p[came(s)].sum()
    assert abs(after(0) - after(1)) > 0.05


@pytest.mark.system("rl.reinforce")
def test_weighting_by_the_probability_once_more_is_another_direction(x64):
    """The cookbook's form, pi grad log pi under an expectation over actions, counts likely actions twice."""
    played = trajectories(small_mdp(0), 1)
    exact = jax.grad(lambda logits: expected_return(played, logits))(jnp.asarray(LOGITS))
    chance = jnp.exp(log_probs(played, LOGITS))
    twice = expectation(played, LOGITS, estimates(played, LOGITS, chance * played.reward))
    once = expectation(played, LOGITS, estimates(played, LOGITS, played.reward))
    np.testing.assert_allclose(once, exact, rtol=1e-12, atol=1e-15)
    cosine = (twice * exact).sum() / jnp.linalg.norm(twice) / jnp.linalg.norm(exact)
    assert np.abs(twice - exact).max() > 0.02
    assert cosine < 0.99


@pytest.mark.system("rl.reinforce")
def test_a_step_is_the_mean_gradient_of_whole_episodes(x64, key):
    """By hand: the episodes that the step played, one after the other, with plain loops for credits and baselines."""
    config = replace(SMALL, hidden=(), batch=3, discount=0.9)
    env = environment(small_mdp(3, states=3), 6)._replace(observe=lambda state: jax.nn.one_hot(state, 3))
    method = reinforce(config, env, of_batch(mean_of_others), optimizer=lambda rate: optax.sgd(1.0))
    state = fresh(jax.random.clone(key), method)
    after, metrics = jax.jit(method.step)(jax.random.clone(key), state, None)
    net, family = tanh_mlp(2), policy(env.actions)
    seen, alive = play(key, env, family, lambda obs: net.apply(state.params["actor"], obs), 3)
    lengths, wanted, credits = [], np.zeros((3, 2)), np.zeros((6, 3))
    weights = state.params["actor"]["params"]["Dense_0"]
    for i in range(3):
        ends = np.flatnonzero(np.asarray(seen.terminal | seen.truncated)[:, i])
        lengths.append(ends[0] + 1)
        for t in range(lengths[i]):
            credits[t, i] = sum(0.9 ** (u - t) * seen.reward[u, i] for u in range(t, lengths[i]))
    np.testing.assert_array_equal(alive, np.arange(6)[:, None] < lengths)
    assert len(set(lengths)) > 1
    for i in range(3):
        for t in range(lengths[i]):
            others = [credits[t, j] for j in range(3) if j != i and t < lengths[j]]
            obs, action = np.asarray(seen.obs[t, i]), int(seen.action[t, i])
            p = np.asarray(jax.nn.softmax(obs @ weights["kernel"] + weights["bias"]))
            wanted += (credits[t, i] - (np.mean(others) if others else 0)) * np.outer(obs, np.eye(2)[action] - p) / 3
    got = after.params["actor"]["params"]["Dense_0"]["kernel"] - weights["kernel"]
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(metrics["length"], np.mean(lengths))
    total = sum(float(seen.reward[t, i]) for i in range(3) for t in range(lengths[i]))
    np.testing.assert_allclose(metrics["return"], total / 3, rtol=1e-12)


def trained(key, name: str):
    method = reinforce(SMALL, probes()[name].environment(), TINY)
    return method, train(key, method, nothing, UPDATES, chunk=UPDATES)[0]


def value(state, obs) -> np.ndarray:
    return np.asarray(TINY.future(state.params["baseline"], jnp.asarray(obs, float)))


@pytest.mark.slow
@pytest.mark.system("rl.reinforce")
@pytest.mark.parametrize("name", SLOWER(("both", "time_limit"), probes()))
def test_probes_are_solved_and_valued(name, key):
    """The baseline learns the return of the policy that plays, and the best one's as the policy becomes it."""
    probe = probes()[name]
    method, state = trained(key, name)
    alive = ~probe.mdp.terminal
    wanted = probe.values[alive]
    chosen = np.asarray(method.act(jax.random.key(1), state, jnp.asarray(probe.features, float)[alive]))
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))
    np.testing.assert_allclose(value(state, probe.features[alive]), wanted.max(-1), atol=0.15)


@pytest.mark.system("rl.reinforce")
def test_what_would_have_followed_the_time_limit_counts(key):
    """To cut it off makes the second state too cheap."""
    method = reinforce(SMALL, probes()["time_limit"].environment(), TINY._replace(future=of_batch(batch_mean).future))
    state, _ = train(key, method, nothing, UPDATES, chunk=UPDATES)
    assert value(state, [[1.0]])[0] < probes()["time_limit"].values[1].max() - 0.2


@pytest.mark.parametrize("rule", SLOWER((mean_of_others,), [batch_mean, mean_of_others, nothing_subtracted]))
def test_a_baseline_of_the_batch_has_nothing_to_learn(rule, key):
    method = reinforce(SMALL, probes()["both"].environment(), of_batch(rule))
    state, history = train(key, method, nothing, UPDATES, chunk=UPDATES)
    assert state.params["baseline"] == ()
    assert evaluate(jax.random.key(1), method, state, nothing, 1)["return"] == 1
    assert history["return"][-10:].mean() > 0.9


def test_neither_loss_reaches_the_others_parameters(x64):
    """The error of the baseline has no slope in log pi, and the gain none in the baseline."""
    alive = jnp.array([[True], [True], [False]])
    column = lambda *x: jnp.array(x)[:, None]
    credit, log_prob, predicted = column(3.0, 1.0, 50.0), column(-0.5, -1.0, -2.0), column(1.0, 2.0, 70.0)
    slopes = jax.grad(lambda *x: objective(x[0], credit, x[1], alive)[0], (0, 1))(log_prob, predicted)
    np.testing.assert_allclose(slopes[0][:, 0], [-2.0, 1.0, 0.0])
    np.testing.assert_allclose(slopes[1][:, 0], [-1.0, 0.5, 0.0])


@pytest.mark.parametrize("change", [{"discount": 1.1}, {"learning_rate": 0.0}, {"batch": 0}])
def test_what_cannot_be_is_refused(change):
    with pytest.raises(ConfigError, match=f"reinforce: {next(iter(change))}"):
        reinforce(replace(SMALL, **change), probes()["both"].environment())
