import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.ops.returns import action_values, discounted_returns, gae, one_step_target, policy_value
from jaxicon.ops.successors import Successors

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


def test_a_large_model_is_summed_to_what_the_linear_system_says(x64, tables):
    """Successors in place of a table; one of them is named twice."""
    _, reward, policy = tables
    random = np.random.default_rng(2)
    successors = Successors(random.integers(6, size=(6, 3, 2)), random.dirichlet(np.ones(2), (6, 3)))
    successors.state[0, 0] = 4
    transition = np.zeros((6, 3, 6))
    for s, a, k in np.ndindex(6, 3, 2):
        transition[s, a, successors.state[s, a, k]] += successors.probability[s, a, k]
    assert transition[0, 0, 4] == 1
    np.testing.assert_array_equal(successors.dense(), transition)
    for discount in (0.0, DISCOUNT, 0.999):
        solved = np.linalg.solve(
            np.eye(6) - discount * np.einsum("sa,sap->sp", policy, transition), (policy * reward).sum(-1)
        )
        value = policy_value(successors, reward, discount, jnp.asarray(policy))
        np.testing.assert_allclose(value, solved, rtol=1e-11)
    np.testing.assert_allclose(
        action_values(successors, reward, DISCOUNT, jnp.asarray(solved)),
        reward + DISCOUNT * transition @ solved,
        rtol=1e-11,
    )


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


@pytest.mark.system("rl.return")
def test_the_backward_recursion_is_the_sum_of_all_rewards_to_come(x64):
    """G_t = sum_k discount^k R_{t+k+1}: reward[0] is R_1, so that G_0 counts it in full, and G_{T-1} is R_T."""
    reward = np.random.default_rng(3).normal(size=9)
    got = discounted_returns(jnp.asarray(reward), jnp.zeros(9, bool), DISCOUNT)
    summed = [sum(DISCOUNT**k * reward[t + k] for k in range(9 - t)) for t in range(9)]
    np.testing.assert_allclose(got, summed, rtol=1e-12)
    assert got[-1] == reward[-1]


@pytest.mark.system("rl.return")
def test_a_reward_of_one_for_ever_is_a_geometric_series(x64):
    never, ones = jnp.zeros(600, bool), jnp.ones(600)
    np.testing.assert_allclose(discounted_returns(ones, never, DISCOUNT)[0], 1 / (1 - DISCOUNT), rtol=1e-12)
    every = discounted_returns(ones, never, DISCOUNT, last=1 / (1 - DISCOUNT))  # what follows is worth as much
    np.testing.assert_allclose(every, 1 / (1 - DISCOUNT), rtol=1e-12)


@pytest.mark.system("rl.return")
def test_returns_start_anew_after_the_end_of_an_episode(x64):
    reward, over = jnp.array([1.0, 2.0, 4.0, 8.0]), jnp.array([False, True, False, False])
    np.testing.assert_allclose(discounted_returns(reward, over, 0.5, last=16.0), [2, 2, 12, 16])
    np.testing.assert_allclose(discounted_returns(reward, ~over, 0.5, last=16.0)[-1], 8)


def looped(reward, terminal, truncated, value, next_value, discount, trace) -> np.ndarray:
    """Equation 16 of Schulman et al. 2016 as it stands: from every step to the end of its episode."""
    advantages = np.zeros(len(reward))
    for start in range(len(reward)):
        for t in range(start, len(reward)):
            future = 0 if terminal[t] else discount * next_value[t]
            advantages[start] += (discount * trace) ** (t - start) * (reward[t] + future - value[t])
            if terminal[t] or truncated[t]:
                break
    return advantages


def played(steps: int = 60):
    """Random steps, some of them the last ones of an episode; what follows a cut-off step is not what comes next."""
    random = np.random.default_rng(1)
    reward, value, next_value = random.normal(size=(3, steps))
    terminal = random.uniform(size=steps) < 0.1
    truncated = ~terminal & (random.uniform(size=steps) < 0.1)
    running = np.flatnonzero(~(terminal | truncated)[:-1])
    next_value[running] = value[running + 1]
    assert terminal.any()
    assert truncated.any()
    return reward, terminal, truncated, value, next_value


@pytest.mark.parametrize("trace", [0.0, 0.7, 1.0])
def test_advantages_are_those_of_a_loop_over_episodes(x64, trace):
    rows = played()
    got = gae(*map(jnp.asarray, rows), DISCOUNT, trace)
    np.testing.assert_allclose(got, looped(*rows, DISCOUNT, trace), rtol=1e-11, atol=1e-13)


def test_at_trace_one_an_advantage_is_the_return_less_the_value(x64):
    """Discounted rewards to the end of the episode; the value of what followed stands for what was cut off."""
    reward, terminal, truncated, value, next_value = rows = played()
    ends = [*np.flatnonzero(terminal | truncated), len(reward) - 1]
    got = gae(*map(jnp.asarray, rows), DISCOUNT, 1.0)
    for t in range(len(reward)):
        end = next(e for e in ends if e >= t)
        powers = DISCOUNT ** np.arange(end - t + 2)
        rest = np.append(reward[t : end + 1], 0 if terminal[end] else next_value[end])
        np.testing.assert_allclose(got[t], powers @ rest - value[t], rtol=1e-10, atol=1e-12)


@pytest.mark.system("rl.advantage")
def test_with_exact_values_the_expected_one_step_advantage_is_q_less_v(x64, tables):
    """By enumeration of what may follow; the policy's mean advantage is zero in every state."""
    transition, reward, policy = tables
    chain = np.einsum("sa,sap->sp", policy, transition)
    value = np.linalg.solve(np.eye(6) - DISCOUNT * chain, (policy * reward).sum(-1))
    never, advantages = jnp.zeros(1, bool), jax.jit(gae)
    advantage = np.zeros((6, 3))
    for s, a, after in np.ndindex(6, 3, 6):
        row = (jnp.array([x]) for x in (value[s], value[after]))
        one = advantages(jnp.array([reward[s, a]]), never, never, *row, DISCOUNT, 0.95)
        advantage[s, a] += transition[s, a, after] * one[0]
    q = reward + DISCOUNT * transition @ value
    np.testing.assert_allclose(advantage, q - value[:, None], atol=1e-11)
    np.testing.assert_allclose((policy * advantage).sum(-1), 0, atol=1e-11)
