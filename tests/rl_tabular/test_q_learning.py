"""Q-learning against a loop of its rule, the exact optimum, and what becomes of it without random ties."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import evaluate, fresh, parts, train
from jaxicon.core.stream import nothing
from jaxicon.envs import probe
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.rl_tabular.q_learning import Config, q_learning

LISTING = Config(step_size=0.1, power=0.0, epsilon=0.1, pace=np.inf)  # the notebook's FrozenLake demo


def example():
    return q_learning(Config(), frozen_lake()), nothing


def played(method, key, steps):
    """States of the method before and after every step."""
    seen = [jax.tree.map(np.asarray, fresh(jax.random.clone(key), method))]
    hook = lambda t, state, metrics: seen.append(jax.tree.map(np.array, state))
    train(key, method, nothing, steps, chunk=1, hooks=[hook])
    return seen


@pytest.mark.system("rl.q_learning")
@pytest.mark.parametrize("config", [Config(step_size=0.8, power=0.6, horizon=7), LISTING])
def test_every_step_is_the_written_rule(x64, key, config):
    """The move is read off the tables: the pair whose visits grew, and where the world went unless it began anew."""
    lake = frozen_lake(slippery=False)
    wages = np.random.default_rng(0).normal(size=(16, 4)) * ~lake.terminal[:, None]
    mdp = lake._replace(reward=wages)
    for before, after in pairwise(played(q_learning(config, mdp), key, 400)):
        ((s, a),) = np.argwhere(after.visits != before.visits)
        assert before.world.state[0] == s
        next_s = mdp.transition[s, a].argmax()
        alpha = config.step_size / after.visits[s, a] ** config.power
        target = mdp.reward[s, a] + (0 if mdp.terminal[next_s] else mdp.discount * before.q[next_s].max())
        expected = before.q.copy()
        expected[s, a] += alpha * (target - before.q[s, a])
        np.testing.assert_allclose(after.q, expected, atol=1e-12)


@pytest.mark.system("rl.q_learning")
def test_it_converges_to_the_optimal_action_values(key):
    """On the deterministic lake, all action values that matter: those of the states on the way."""
    mdp = frozen_lake(slippery=False)
    state, _ = train(key, q_learning(Config(power=0.0, epsilon=1.0, pace=np.inf), mdp), nothing, 60_000, chunk=20_000)
    value = np.zeros(16)
    for _ in range(100):
        q = mdp.reward + mdp.discount * mdp.transition @ value
        value = q.max(-1)
    visited = np.asarray(state.visits) > 50
    assert visited.sum() > 35
    np.testing.assert_allclose(np.asarray(state.q)[visited], q[visited], atol=1e-5)


@pytest.mark.system("rl.q_frozenlake")
def test_the_listing_needs_random_ties(key):
    """An argmax that takes the first of equal actions stays at the start; random ties find the goal, six moves away."""
    mdp = frozen_lake(slippery=False)

    def first(values, epsilon):
        return (1 - epsilon) * jax.nn.one_hot(values.argmax(), values.size) + epsilon / values.size

    keys = jax.random.split(key, 4)
    stuck, _ = train(jax.random.clone(keys), q_learning(LISTING, mdp, first), nothing, 100_000, chunk=20_000)
    assert not np.asarray(stuck.q).any()
    method = q_learning(LISTING, mdp)
    solved, _ = train(jax.random.clone(keys), method, nothing, 100_000, chunk=20_000)
    np.testing.assert_allclose(np.asarray(solved.q)[:, 0].max(-1), 0.99**5, atol=1e-4)
    np.testing.assert_allclose(evaluate(keys, method, solved, nothing, 1)["value"], 0.99**5, atol=1e-5)


@pytest.mark.parametrize("name", probe.probes())
def test_probes(x64, key, name):
    """Known action values; in `time_limit` an end that is cut off must bootstrap and one that is over must not."""
    task = probe.probes()[name]
    method = q_learning(Config(power=0.0, step_size=0.5, pace=np.inf, horizon=task.horizon), task.mdp)
    state, _ = train(key, method, nothing, 3000, chunk=1000)
    np.testing.assert_allclose(state.q, task.values, atol=1e-6)


def test_actions_are_those_of_the_greedy_policy(key):
    method, _ = example()
    state = fresh(parts(key)[0], method)._replace(q=jnp.zeros((16, 4)).at[:, 2].set(1.0))
    assert method.act(jax.random.key(1), state, jnp.int32(5)) == 2
