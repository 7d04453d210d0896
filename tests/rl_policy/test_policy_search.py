"""Policies found by what they earn: of a bandit with a known best, of the probes, of CartPole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, Environment, mean_return
from jaxicon.envs.probe import probes
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.search import cross_entropy, evolution_strategy
from jaxicon.rl_policy.policy_search import Config, policy_search

SMALL = Config(population=16, rated=2, episodes=8)


def example():
    return policy_search(SMALL, probes()["both"].environment()), nothing


def line() -> Environment:
    """One step: the best number for x is 3 - x, in a box from 0 to 6; the state is 1 or 2."""

    def step(key, state, action):
        return state, -((action[0] - 3 + state) ** 2), jnp.array(True)

    reset = lambda key: 1.0 + jax.random.bernoulli(key).astype(float)
    return Environment(reset, step, lambda state: state[None], Box(np.array([0.0]), np.array([6.0])), 1)


@pytest.mark.system("rl.cma_es")
def test_a_linear_policy_finds_the_line(key, x64):
    """In half widths from the centre of the box the output is -x / 3: slope and intercept are known."""
    method = policy_search(SMALL, line())
    state, _ = train(key, method, nothing, 120, chunk=120)
    np.testing.assert_allclose(method.act(jax.random.key(1), state, jnp.array([[1.0], [2.0]])), [[2], [1]], atol=1e-5)
    assert evaluate(jax.random.key(2), method, state, nothing, 1)["return"] > -1e-9
    assert sorted(np.round(np.asarray(state.mean), 4).tolist()) == [-0.3333, 0.0]


@pytest.mark.system("rl.es")
@pytest.mark.parametrize("name", ["action", "both"])
def test_an_evolution_strategy_solves_the_probes(name, key):
    probe = probes()[name]
    method = policy_search(SMALL, probe.environment(), evolution_strategy(0.2))
    state, _ = train(key, method, nothing, 60, chunk=60)
    assert evaluate(jax.random.key(2), method, state, nothing, 1)["return"] == 1


def test_all_vectors_are_rated_from_the_same_starts_by_what_they_earn(key):
    """The metrics of a step, from the samples of the same keys, played one vector after the other."""
    env = cartpole()._replace(horizon=40)
    method, rule = policy_search(SMALL, env, cross_entropy()), cross_entropy()
    state = fresh(jax.random.clone(key), method)
    after, metrics = jax.jit(method.step)(jax.random.clone(key), state, None)
    ask_key, play_key = jax.random.split(key)
    vectors = rule.ask(ask_key, state, SMALL.population)
    net = tanh_mlp(2)

    @jax.jit
    def worth(vector):
        params = {"params": {"Dense_0": {"bias": vector[:2], "kernel": vector[2:].reshape(4, 2)}}}
        return mean_return(jax.random.clone(play_key), env, lambda key, obs: net.apply(params, obs).argmax(-1), 2)

    scores = jnp.stack([worth(vector) for vector in vectors])
    np.testing.assert_allclose(metrics["return"], scores.mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["best"], scores.max(), rtol=1e-6)
    np.testing.assert_allclose(after.mean, rule.tell(state, vectors, scores).mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "message"), [(Config(population=5), "even"), (Config(std=0.0), "std"), (Config(population=2), "from 4")]
)
def test_what_cannot_be_searched_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        policy_search(config, line())
