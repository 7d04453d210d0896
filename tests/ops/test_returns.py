import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.ops.returns import action_values, one_step_target, policy_value

DISCOUNT = 0.9


@pytest.fixture
def tables():
    """A dense random MDP of 6 states and 3 actions, and a random policy."""
    random = np.random.default_rng(0)
    transition, policy = random.dirichlet(np.ones(6), (6, 3)), random.dirichlet(np.ones(3), 6)
    return transition, random.normal(size=(6, 3)), policy


@pytest.mark.system("rl.bellman_optimality")
def test_the_linear_program_is_a_fixed_point_of_the_optimality_backup(x64, tables):
    """min sum v  subject to  v >= r_a + discount P_a v  for every action a."""
    transition, reward, _ = tables
    rows = (DISCOUNT * transition - np.eye(6)[:, None]).reshape(18, 6)
    value = linprog(np.ones(6), rows, -reward.ravel(), bounds=(None, None)).x
    backup = action_values(transition, reward, DISCOUNT, jnp.asarray(value))
    np.testing.assert_allclose(backup.max(-1), value, rtol=1e-8)


@pytest.mark.system("rl.bellman_expectation")
def test_a_policy_is_worth_what_the_linear_system_says(x64, tables):
    transition, reward, policy = tables
    chain = np.einsum("sa,sap->sp", policy, transition)
    solved = np.linalg.solve(np.eye(6) - DISCOUNT * chain, (policy * reward).sum(-1))
    value = policy_value(transition, reward, DISCOUNT, jnp.asarray(policy))
    np.testing.assert_allclose(value, solved, rtol=1e-10)
    q = action_values(transition, reward, DISCOUNT, value)  # v(s) = sum_a pi(a | s) q(s, a)
    np.testing.assert_allclose((policy * q).sum(-1), value, rtol=1e-10)


def test_an_undiscounted_walk_that_ends_is_worth_its_expected_length(x64):
    """Left or right with 1/2 on 0 .. 10, absorbed at both ends, reward 1 a step: s (10 - s) steps."""
    transition = np.zeros((11, 1, 11))
    for s in range(1, 10):
        transition[s, 0, [s - 1, s + 1]] = 0.5
    transition[[0, 10], 0, [0, 10]] = 1
    reward = np.ones((11, 1))
    reward[[0, 10]] = 0
    s = np.arange(11)
    np.testing.assert_allclose(policy_value(transition, reward, 1.0, jnp.ones((11, 1))), s * (10 - s), rtol=1e-9)


def test_only_a_terminal_state_cuts_the_bootstrap():
    target = one_step_target(jnp.array([1.0, 1.0]), jnp.array([False, True]), 0.5, jnp.array([10.0, 10.0]))
    np.testing.assert_allclose(target, [6.0, 1.0])
