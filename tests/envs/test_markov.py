import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.core.errors import ConfigError
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.grid_world import obstacle_grid
from jaxicon.envs.markov import (
    MarkovChain,
    MarkovRewardProcess,
    absorption_probabilities,
    absorption_times,
    check_chain,
    induced,
    process_value,
    robot,
    stationary,
    value_sweep,
    walk_chain,
    working_robot,
)
from jaxicon.ops.returns import discounted_returns, policy_value


def ruin(size: int = 6, win: float = 0.4) -> MarkovChain:
    """One coin up with probability `win`, else one down, from 0 to size - 1, where it ends."""
    table = np.zeros((size, size))
    table[0, 0] = table[-1, -1] = 1
    for s in range(1, size - 1):
        table[s, [s - 1, s + 1]] = 1 - win, win
    return MarkovChain(table)


@pytest.mark.system("rl.markov_chain")
def test_simulated_moves_have_the_probabilities_of_the_rows(key):
    chain = robot(0.2)
    np.testing.assert_allclose(chain.transition.sum(1), 1, rtol=1e-12)
    path = np.asarray(walk_chain(key, chain, jnp.int32(0), 20_000))
    counts = np.zeros((3, 3))
    np.add.at(counts, (path[:-1], path[1:]), 1)
    for row, expected in zip(counts, chain.transition, strict=True):
        possible = expected > 0
        assert not row[~possible].any()
        assert chisquare(row[possible], row.sum() * expected[possible]).pvalue > 1e-3


@pytest.mark.system("rl.markov_chain")
def test_the_stationary_distribution_is_an_eigenvector_and_where_a_long_walk_is_found(x64, key):
    chain = robot(0.2)
    pi = np.asarray(stationary(chain))
    w, v = np.linalg.eig(chain.transition.T)
    vector = np.real(v[:, np.argmax(np.real(w))])
    np.testing.assert_allclose(pi, vector / vector.sum(), rtol=1e-10)
    np.testing.assert_allclose(np.linalg.matrix_power(chain.transition, 200)[2], pi, rtol=1e-10)
    path = np.asarray(walk_chain(key, chain, jnp.int32(2), 20_000))
    np.testing.assert_allclose(np.bincount(path) / path.size, pi, atol=0.02)


@pytest.mark.system("rl.markov_chain")
def test_a_robot_that_nobody_repairs_stands_ten_times_and_crashes(x64):
    """It crashes in one of ten steps in which it stands, and sits down in three, for 2.5 steps each time."""
    times = absorption_times(robot())
    np.testing.assert_allclose(times, [20, 17.5, 0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(absorption_probabilities(robot()), np.ones((3, 1)), rtol=1e-12)


@pytest.mark.system("rl.markov_chain")
def test_a_gambler_is_ruined_as_the_closed_form_says(x64):
    """(1 - r^s) / (1 - r^n) to reach n first, with r = (1 - win) / win; and Wald's identity for the time."""
    s, odds, n = np.arange(6), 0.6 / 0.4, 5
    up = (1 - odds**s) / (1 - odds**n)
    np.testing.assert_allclose(absorption_probabilities(ruin()), np.stack([1 - up, up], 1), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(absorption_times(ruin()), (n * up - s) / (2 * 0.4 - 1), rtol=1e-9, atol=1e-12)


@pytest.mark.system("rl.mrp")
def test_the_value_of_a_process_is_solved_swept_and_earned(x64, key):
    process = working_robot()
    value = process_value(process)
    solved = np.linalg.inv(np.eye(3) - 0.9 * process.chain.transition) @ process.reward
    np.testing.assert_allclose(value, solved, rtol=1e-12)
    swept = jax.lax.fori_loop(0, 400, lambda _, v: value_sweep(process, v), jnp.zeros(3))
    np.testing.assert_allclose(swept, solved, rtol=1e-12)
    once = value_sweep(process, jnp.asarray([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(once, [0.9 * 1.4, 1 + 0.9 * 1.8, -2 + 0.9 * 2.0], rtol=1e-12)

    def earned(key, start):
        path = walk_chain(key, process.chain, start, 150)
        return discounted_returns(jnp.asarray(process.reward)[path], jnp.zeros(150, bool), 0.9)[0]

    keys = jax.random.split(key, (2000, 3))
    returns = np.asarray(jax.jit(jax.vmap(jax.vmap(earned)))(keys, jnp.tile(jnp.arange(3), (2000, 1))))
    assert (np.abs(returns.mean(0) - solved) < 4 * returns.std(0) / 2000**0.5).all()


@pytest.mark.system("rl.mrp")
def test_an_undiscounted_process_that_ends_is_worth_the_steps_it_lasts(x64):
    process = MarkovRewardProcess(robot(), np.array([1.0, 1.0, 0.0]), 1.0)
    np.testing.assert_allclose(process_value(process), [20, 17.5, 0], rtol=1e-12, atol=1e-12)


@pytest.mark.system("rl.mrp")
@pytest.mark.parametrize("mdp", [frozen_lake(), obstacle_grid(0.2)], ids=["lake", "obstacles"])
def test_a_policy_makes_a_process_of_a_decision_process(x64, mdp):
    policy = np.random.default_rng(0).dirichlet(np.ones(4), len(mdp.reward))
    process = induced(mdp, policy)
    s, t = 5, 6
    np.testing.assert_allclose(
        process.chain.transition[s, t], sum(policy[s, a] * mdp.transition[s, a, t] for a in range(4))
    )
    by_doubling = policy_value(mdp.transition, mdp.reward, mdp.discount, jnp.asarray(policy))
    np.testing.assert_allclose(process_value(process), by_doubling, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: check_chain(MarkovChain(np.ones((2, 3)) / 3)), r"shape \(2, 3\); expected \(s, s\)"),
        (lambda: stationary(MarkovChain(np.eye(2) * 0.9)), r"chain: transition\(0,\) is no distribution: sum 0.9"),
        (lambda: absorption_times(robot(0.5)), "no state is absorbing"),
        (lambda: robot(1.5), "repair is 1.5"),
        (lambda: process_value(working_robot()._replace(discount=2.0)), "discount is 2.0"),
        (
            lambda: process_value(working_robot()._replace(reward=np.ones(2))),
            r"reward has shape \(2,\)",
        ),
    ],
)
def test_what_is_no_chain_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        wrong()
