"""Cloned from exact experts: of FrozenLake by value iteration, of a tightrope by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, nothing, resident
from jaxicon.envs.environment import Box, Discrete
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.policy import policy
from jaxicon.envs.tabular import environment
from jaxicon.nn import mlp as nn
from jaxicon.ops.returns import action_values
from jaxicon.rl_imitation.behavioral_cloning import Config, behavioral_cloning, demonstrations
from jaxicon.rl_tabular.value_iteration import value_iteration

RANDOM = np.random.default_rng(0)


def example():
    obs = RANDOM.normal(size=(64, 3)).astype("float32")
    return behavioral_cloning(Config((8,)), Discrete(2)), resident((obs, (obs[:, 0] > 0).astype("int32")), 16)


@pytest.mark.slow
@pytest.mark.system("imit.behavioral_cloning")
def test_the_expert_of_frozen_lake_is_cloned_on_its_states(key):
    """Learned from 30 episodes, asked about 30 others, in which slips lead to the same states in other numbers."""
    mdp = frozen_lake()
    value, _ = train(jax.random.key(0), value_iteration(mdp), nothing, 500)
    best = action_values(mdp.transition, mdp.reward, mdp.discount, value).argmax(-1)
    one_hot = jnp.eye(len(best))
    env = environment(mdp, 100)._replace(observe=lambda state: one_hot[state])
    expert = lambda key, obs: best[obs.argmax()]

    def pairs(key):
        obs, action, alive = jax.tree.map(np.asarray, demonstrations(key, env, expert, 30))
        np.testing.assert_array_equal(action, np.asarray(best)[obs.argmax(-1)])
        return obs[alive], action[alive]

    shown, other = pairs(jax.random.key(1)), pairs(jax.random.key(2))
    method = behavioral_cloning(Config((32,), 1e-2), env.actions)
    state, _ = train(jax.random.clone(key), method, epochs(shown, 64), 300, chunk=300)
    assert evaluate(key, method, state, resident(other, len(other[0])), 1)["accuracy"] > 0.99
    assert len(np.unique(other[1])) > 2, "an expert that always does the same teaches nothing"


@pytest.mark.system("imit.behavioral_cloning")
def test_without_a_hidden_layer_it_is_logistic_regression(key):
    obs = RANDOM.normal(size=(400, 2))
    action = (RANDOM.uniform(size=400) < 1 / (1 + np.exp(-(1.5 * obs[:, 0] - obs[:, 1])))).astype(int)
    known = LogisticRegression(C=np.inf).fit(obs, action)
    method, everything = behavioral_cloning(Config((), 0.05), Discrete(2)), epochs((obs, action), 400)
    state, _ = train(key, method, everything, 500, chunk=500)
    output = nn.mlp(2).apply(state.params, jnp.asarray(obs))
    np.testing.assert_allclose(output[:, 1] - output[:, 0], known.decision_function(obs), atol=0.02)


@pytest.mark.system("imit.behavioral_cloning")
def test_in_a_box_it_finds_the_mean_and_the_spread_of_the_expert(key):
    """Steering 0.6 x with noise of 0.1: regression, and its residual."""
    x = RANDOM.uniform(-1, 1, size=(2000, 1))
    steering = 0.6 * x + 0.1 * RANDOM.normal(size=x.shape)
    box = Box(np.array([-1.0]), np.array([1.0]))
    method = behavioral_cloning(Config((), 0.02), box)
    state, _ = train(key, method, resident((x, steering), 500), 600, chunk=600)
    slope, _ = np.polyfit(x[:, 0], steering[:, 0], 1)
    act = lambda x: float(method.act(jax.random.key(0), state, jnp.array([x]))[0])
    np.testing.assert_allclose((act(0.5) - act(-0.5)), slope, atol=0.02)
    entropy = policy(box).entropy(nn.mlp(2).apply(state.params, jnp.zeros(1)))
    np.testing.assert_allclose(entropy, np.log(0.1) + 0.5 * np.log(2 * np.pi * np.e), atol=0.1)


ERROR = 0.004  # probability of a wrong action in the demonstrations
FORWARD, LEFT, RIGHT = range(3)
STATES = np.eye(3)[:, 1:]  # features of: on the rope (nothing special), off it to the left, off it to the right
HELPS = np.array([FORWARD, RIGHT, LEFT])


def cost(probabilities: np.ndarray, steps: int) -> float:
    """Expected number of steps off the rope, exactly: forward keeps what is, a step aside moves by one."""
    goes = np.array([[0, 1, 2], [1, 1, 0], [2, 0, 2]])  # [state, action] -> state
    chain = np.einsum("sa,sap->sp", probabilities, np.eye(3)[goes])
    at, total = np.array([1.0, 0, 0]), 0.0
    for _ in range(steps):
        at = at @ chain
        total += 1 - at[0]
    return total


def walker(states: np.ndarray) -> np.ndarray:
    """Action probabilities [state, action] of a clone that was shown these states, all equally often."""
    wrong = np.full((3, 3), ERROR / 2)
    wrong[np.arange(3), HELPS] = 1 - ERROR
    counts = np.round(wrong[states] * 500).astype(int)
    pairs = [(STATES[s], a) for s, row in zip(states, counts, strict=True) for a, n in enumerate(row) for _ in range(n)]
    obs, action = (np.array(column) for column in zip(*pairs, strict=True))
    method = behavioral_cloning(Config((), 0.5), Discrete(3))
    state, _ = train(jax.random.key(3), method, epochs((obs, action), len(obs)), 500, chunk=500)
    weights = jax.tree.map(np.asarray, state.params)["params"]["Dense_0"]
    return np.asarray(jax.nn.softmax(STATES @ weights["kernel"] + weights["bias"]))


@pytest.mark.system("imit.compounding_error")
def test_the_cost_of_a_clone_on_a_tightrope_grows_as_the_square_of_the_time():
    """(2). It errs as seldom as its twin that was also shown the way back, whose cost grows as the time."""
    clone, twin = walker(np.array([0])), walker(np.array([0, 1, 2]))
    steps, errors = np.array([4, 8, 16, 32]), 1 - np.array([clone[0, FORWARD], twin[0, FORWARD]])
    np.testing.assert_allclose(errors, ERROR, rtol=0.01)
    costs = np.array([[cost(p, t) for t in steps] for p in (clone, twin)])
    np.testing.assert_allclose(costs[0], errors[0] * steps * (steps + 1) / 2, rtol=0.1)
    np.testing.assert_allclose(costs[1], errors[1] * steps, rtol=0.05)
