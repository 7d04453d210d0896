"""Against the linear programme of constrained MDPs over occupancies."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.tabular import MDP
from jaxicon.rl_policy.constrained_policy_gradient import Config, constrained_policy_gradient, occupancy


def small() -> tuple[MDP, np.ndarray]:
    """Five states, three actions, the last state the end; costs of their own."""
    rng = np.random.default_rng(3)
    transition = rng.dirichlet(np.ones(5), (5, 3))
    reward, cost = rng.uniform(size=(5, 3)), rng.uniform(size=(5, 3))
    transition[-1], reward[-1], cost[-1] = np.eye(5)[-1], 0, 0
    return MDP(transition, reward, 0.8, np.arange(5) == 4, np.array([0.6, 0.4, 0, 0, 0])), cost


def linear_programme(mdp: MDP, cost: np.ndarray, limit: float):
    """(the most reward, its occupancy [s, a]): visits of s are what starts there and what comes there."""
    states, actions = mdp.reward.shape
    flow = (np.eye(states)[:, None] - mdp.discount * mdp.transition).reshape(states * actions, states).T
    found = linprog(-mdp.reward.ravel(), cost.reshape(1, -1), [limit], flow, mdp.start)
    return -found.fun, found.x.reshape(states, actions)


def example():
    return constrained_policy_gradient(Config(), *small()), nothing


@pytest.mark.system("rl.real_constrained")
@pytest.mark.parametrize("limit", [1.14, 1.68, 5.0])
def test_the_mean_occupancy_tends_to_that_of_the_linear_programme(limit, key, x64):
    """Two limits that bind, so that the best policy must draw an action in some state, and one that does not."""
    mdp, cost = small()
    best, visits = linear_programme(mdp, cost, limit)
    method = constrained_policy_gradient(Config(limit, 0.5, 0.05), mdp, cost)
    state, history = train(key, method, nothing, 20_000, chunk=20_000)
    found = evaluate(jax.random.key(1), method, state, nothing, 1)
    np.testing.assert_allclose(found["value"], best, atol=5e-3)
    assert found["excess"] < 3e-3
    drawn = (visits[:-1] > 1e-6).sum(1) > 1
    assert drawn.any() == (limit < 5)
    assert (history["price"][-100:].mean() > 0.01) == (limit < 5)
    if limit < 5:  # without a limit there are others that are worth as much within a thousandth
        np.testing.assert_allclose(state.occupancy[:-1], visits[:-1], atol=0.03)


@pytest.mark.system("rl.real_constrained")
def test_occupancies_are_the_visits_that_a_loop_counts(x64):
    mdp, _ = small()
    policy = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    at, visits = mdp.start, np.zeros((5, 3))
    for t in range(200):
        visits += mdp.discount**t * at[:, None] * policy
        at = np.einsum("s,sa,sap->p", at, policy, mdp.transition)
    np.testing.assert_allclose(occupancy(mdp, jnp.asarray(policy)), visits, rtol=1e-10)


@pytest.mark.system("rl.real_constrained")
def test_one_step_is_that_of_a_loop(key, x64):
    mdp, cost = small()
    method = constrained_policy_gradient(Config(0.5, 0.7, 0.3), mdp, cost)
    state = fresh(key, method)._replace(price=jnp.asarray(0.4))
    after, metrics = jax.jit(method.step)(jax.random.key(1), state, None)
    uniform = np.full((5, 3), 1 / 3)
    worth = lambda table: np.linalg.solve(
        np.eye(5) - mdp.discount * np.einsum("sa,sap->sp", uniform, mdp.transition), (uniform * table).sum(1)
    )
    mixed = mdp.reward - 0.4 * cost
    advantage = mixed + mdp.discount * mdp.transition @ worth(mixed) - worth(mixed)[:, None]
    wanted = np.exp(0.7 * advantage)
    np.testing.assert_allclose(jax.nn.softmax(after.logits), wanted / wanted.sum(1, keepdims=True), rtol=1e-9)
    np.testing.assert_allclose(metrics["cost"], mdp.start @ worth(cost), rtol=1e-9)
    np.testing.assert_allclose(metrics["value"], mdp.start @ worth(mdp.reward), rtol=1e-9)
    np.testing.assert_allclose(after.price, 0.4 + 0.3 * (mdp.start @ worth(cost) - 0.5), rtol=1e-9)


def test_the_agent_draws_actions_as_often_as_the_mean_occupancy_has_them(key):
    method = constrained_policy_gradient(Config(), *small())
    state = fresh(key, method)._replace(occupancy=jnp.tile(jnp.array([0.0, 1.0, 3.0]), (5, 1)))
    acts = jax.vmap(method.act, (0, None, None))(jax.random.split(jax.random.key(1), 4000), state, jnp.int32(2))
    np.testing.assert_allclose(np.bincount(acts, minlength=3) / 4000, [0, 0.25, 0.75], atol=0.03)


def test_ill_formed_costs_and_steps_are_refused():
    mdp, cost = small()
    for wrong in (cost[:, :2], cost * np.nan, cost + 1):
        with pytest.raises(ConfigError, match="cost has shape"):
            constrained_policy_gradient(Config(), mdp, wrong)
    with pytest.raises(ConfigError, match="price_step is 0"):
        constrained_policy_gradient(replace(Config(), price_step=0.0), mdp, cost)
