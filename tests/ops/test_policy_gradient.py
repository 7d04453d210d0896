"""Expectations over every trajectory of a small MDP, against the derivative of the exact expected return.

That derivative is taken of a sum of products of probabilities: it knows nothing of score functions.
"""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from jaxicon.envs.tabular import MDP, check
from jaxicon.ops import policy_gradient as pg
from jaxicon.ops.returns import discounted_returns
from tests.rl_policy._enumeration import (
    Trajectories,
    estimates,
    expectation,
    expected_return,
    log_probs,
    probabilities,
    small_mdp,
    trajectories,
)

LOGITS = np.random.default_rng(7).normal(size=(3, 2))


def exact(played: Trajectories, logits, discount: float = 1.0):
    return jax.grad(lambda logits: expected_return(played, logits, discount))(jnp.asarray(logits))


def over(played: Trajectories) -> np.ndarray:
    """The step that ends in the terminal state, and every one after it."""
    ends = ~np.roll(played.alive, -1, axis=1)
    ends[:, -1] = False  # cut off, and so over or not
    return ends


def credits(rule, played: Trajectories, discount: float = 1.0, log_ratio=None):
    first = () if log_ratio is None else (log_ratio,)
    one = lambda *columns: rule(*columns, discount)
    return jax.vmap(one)(*first, jnp.asarray(played.reward), jnp.asarray(over(played)))


def deviation(played: Trajectories, logits, x) -> float:
    """Sum over the parameters of the exact variance of x [n, ...]."""
    return float((expectation(played, logits, x**2) - expectation(played, logits, x) ** 2).sum())


def test_trajectories_are_all_there_are(x64):
    played = trajectories(small_mdp(0), 3)
    assert len({tuple(np.r_[s, a, after]) for s, a, after in zip(*played[:2], played.next_state, strict=True)}) == len(
        played.chance
    )
    np.testing.assert_allclose(probabilities(played, LOGITS).sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(probabilities(played, 0 * LOGITS).sum(), 1, rtol=1e-14)


# Who earned what


@pytest.mark.slow
@pytest.mark.system("rl.causality")
@pytest.mark.parametrize("rule", [pg.full_return, discounted_returns])
def test_all_rewards_and_those_to_come_have_the_exact_gradient_for_mean(rule, x64):
    for seed in range(3):
        played = trajectories(small_mdp(seed), 3)
        mean = expectation(played, LOGITS, estimates(played, LOGITS, credits(rule, played)))
        np.testing.assert_allclose(mean, exact(played, LOGITS), rtol=1e-12, atol=1e-14)


@pytest.mark.system("rl.causality")
def test_with_discount_the_rewards_to_come_need_a_factor(x64):
    """discount^t; without it the late steps count too much, and the mean is not the gradient of anything here."""
    played = trajectories(small_mdp(1), 3)
    mean = lambda rule: expectation(played, LOGITS, estimates(played, LOGITS, credits(rule, played, 0.5)))
    wanted = exact(played, LOGITS, 0.5)
    np.testing.assert_allclose(mean(pg.full_return), wanted, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(mean(pg.discounted_to_go), wanted, rtol=1e-12, atol=1e-14)
    assert np.abs(mean(discounted_returns) - wanted).max() > 0.1 * np.abs(wanted).max()


def corridor(reward) -> MDP:
    """Three steps one after the other, reward[t][a]; the actions change nothing else."""
    goes = np.eye(4)[[1, 2, 3, 3]][:, None].repeat(2, 1)
    end = np.arange(4) == 3
    return check(MDP(goes, np.array([*reward, [0.0, 0.0]]), 1.0, end, np.eye(4)[0]))


@pytest.mark.system("rl.causality")
def test_the_rewards_to_come_vary_less_usually_but_not_always(x64):
    """Three coins: reward 1 for heads, at every step. In the other game the first step costs what the second brings
    back: all rewards add up to nothing, and those to come do not."""
    even = jnp.zeros((4, 2))
    variance = lambda game, rule: deviation(
        played := trajectories(corridor(game), 3), even, estimates(played, even, credits(rule, played))
    )
    coins, refund = [[0, 1]] * 3, [[-1, -1], [1, 1], [0, 0]]
    # Of a score of 1/2 and -1/2 in either logit, at each of three steps: E credit^2 / 4 - (E score credit)^2, twice.
    np.testing.assert_allclose(variance(coins, pg.full_return), 2 * (3 * 3.0 / 4 - 3 / 16), rtol=1e-12)
    np.testing.assert_allclose(variance(coins, discounted_returns), 2 * ((3.0 + 1.5 + 0.5) / 4 - 3 / 16), rtol=1e-12)
    assert variance(refund, pg.full_return) == 0
    np.testing.assert_allclose(variance(refund, discounted_returns), 0.5, rtol=1e-12)
    random = [trajectories(small_mdp(seed), 3) for seed in range(6)]
    less = [
        deviation(p, LOGITS, estimates(p, LOGITS, credits(discounted_returns, p)))
        < deviation(p, LOGITS, estimates(p, LOGITS, credits(pg.full_return, p)))
        for p in random
    ]
    assert sum(less) >= 5


def test_the_surrogate_has_the_estimate_for_gradient_and_only_the_first_episode_counts(x64):
    log_prob = lambda theta: jnp.array([1.0, 2.0, 3.0]) * theta
    gradient = jax.grad(lambda theta: pg.surrogate(log_prob(theta), theta * jnp.array([1.0, 10.0, 100.0])))
    assert gradient(2.0) == 2 * 321
    ends, reward = jnp.array([False, True, False, True]), jnp.array([1.0, 2.0, 4.0, 8.0])
    np.testing.assert_array_equal(pg.alive(ends), [True, True, False, False])
    np.testing.assert_allclose(pg.full_return(reward, ends, 0.5), [2.0] * 4)
    np.testing.assert_allclose(pg.discounted_to_go(reward, ends, 0.5)[:2], [2.0, 1.0])


# What may be subtracted


@pytest.mark.system("rl.baseline")
def test_a_baseline_that_knows_the_state_but_not_the_action_changes_no_mean(x64):
    played = trajectories(small_mdp(2), 3)
    baseline = np.random.default_rng(0).normal(size=(3, 3))[np.arange(3)[None], played.state]  # of time and state
    zero = expectation(played, LOGITS, estimates(played, LOGITS, baseline))
    np.testing.assert_allclose(zero, 0, atol=1e-15)
    knowing = expectation(played, LOGITS, estimates(played, LOGITS, baseline + 0.1 * played.action))
    assert np.abs(knowing).max() > 1e-3


@pytest.mark.system("rl.baseline")
@pytest.mark.parametrize(("rule", "n", "factor"), [(pg.batch_mean, 2, 1 / 2), (pg.batch_mean, 3, 2 / 3)])
def test_the_mean_of_the_batch_shrinks_the_gradient_and_the_mean_of_the_others_does_not(rule, n, factor, x64):
    """All batches of n one-step episodes; alive at their only step."""
    played = trajectories(corridor([[0.3, -2.0]] * 3), 1)
    logits = jnp.asarray(np.random.default_rng(3).normal(size=(4, 2)))
    batches = np.array(list(product(range(len(played.chance)), repeat=n)))
    chance = probabilities(played, logits)[batches].prod(1)
    score, worth = estimates(played, logits, np.ones((2, 1))), jnp.asarray(played.reward.sum(1))

    def mean(rule):
        left = jax.vmap(lambda x: x - rule(x, jnp.ones(n, bool)))(worth[batches])
        return jnp.einsum("m,mn,mnoa->oa", chance, left, score[batches]) / n

    np.testing.assert_allclose(mean(rule), factor * exact(played, logits), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(mean(pg.mean_of_others), exact(played, logits), rtol=1e-12, atol=1e-15)


@pytest.mark.system("rl.baseline")
def test_the_best_baseline_is_not_the_average(x64):
    """For each parameter it is the minimum that SciPy finds, below what the average and what nothing leave."""
    played = trajectories(small_mdp(4), 2)
    worth = played.reward.sum(1)
    score = estimates(played, LOGITS, np.ones_like(played.reward))
    weighted = jnp.sqrt(probabilities(played, LOGITS))[:, None, None] * score  # expectations as means of rows
    best = np.asarray(pg.optimal_baseline(weighted, jnp.asarray(worth)))

    def variance(b, s, a):
        x = score[:, s, a] * (worth - b)
        return float(expectation(played, LOGITS, x**2) - expectation(played, LOGITS, x) ** 2)

    average = float(expectation(played, LOGITS, jnp.asarray(worth)))
    for s, a in product(range(2), range(2)):
        np.testing.assert_allclose(best[s, a], minimize_scalar(variance, args=(s, a)).x, rtol=1e-6)
        assert variance(best[s, a], s, a) < min(variance(average, s, a), variance(0.0, s, a)) - 1e-4


def test_means_are_over_those_that_are_alive(x64):
    """Episodes of one, two and three steps; alone at the last step, the longest has no others."""
    credit = jnp.array([[3.0, 99.0, 99.0], [5.0, 7.0, 99.0], [10.0, 1.0, 4.0]])
    alive = jnp.array([[True, False, False], [True, True, False], [True, True, True]])
    np.testing.assert_allclose(pg.batch_mean(credit, alive), [[6.0, 4.0, 4.0]] * 3)
    others = np.asarray(pg.mean_of_others(credit, alive))
    np.testing.assert_allclose(others[alive], [7.5, 6.5, 1.0, 4.0, 7.0, 0.0])
    np.testing.assert_allclose(pg.standardised(jnp.array([1.0, 3.0])), [-1, 1], rtol=1e-7)
    np.testing.assert_array_equal(pg.standardised(jnp.full(3, 7.0)), 0)


# Samples of another policy


@pytest.mark.system("rl.importance_sampling")
def test_weighted_samples_of_one_gaussian_have_the_moments_of_another(x64, key):
    """p = N(1, 1), q = N(0.5, 1.5^2): E_p x^2 = 2. E_q w^2 is known too, and so is what n samples are worth."""
    n, m, s = 400_000, 0.5, 1.5
    x = m + s * jax.random.normal(key, (n,))
    log_density = lambda x, mean, std: jax.scipy.stats.norm.logpdf(x, mean, std)
    w = pg.importance_weights(log_density(x, 1.0, 1.0), log_density(x, m, s))
    error = lambda y: 5 * float(y.std()) / n**0.5
    assert abs(w.mean() - 1) < error(w) < 0.01
    assert abs((w * x**2).mean() - 2) < error(w * x**2) < 0.03
    assert abs((x**2).mean() - 2) > 0.3
    # p^2 / q is a Gaussian again: precision 2 - 1 / s^2, and the square completed.
    precision = 2 - 1 / s**2
    centre = (2 - m / s**2) / precision
    second = s / np.sqrt(precision) * np.exp((centre**2 * precision - 2 + m**2 / s**2) / 2)
    np.testing.assert_allclose(pg.effective_sample_size(w) / n, 1 / second, rtol=0.01)


@pytest.mark.system("rl.importance_sampling")
def test_the_effective_size_is_that_of_so_many_equal_weights(x64):
    assert pg.effective_sample_size(jnp.full(5, 0.3)) == pytest.approx(5)
    assert pg.effective_sample_size(jnp.array([0.0, 2.0, 2.0, 0.0])) == pytest.approx(2)
    assert pg.effective_sample_size(jnp.array([1.0, 1e-9, 1e-9])) == pytest.approx(1)


def off_policy(rule, played: Trajectories, new, old, discount: float = 1.0):
    """E over trajectories of the old policy of the estimate at the new one."""
    log_ratio = log_probs(played, new) - log_probs(played, old)
    return expectation(played, old, estimates(played, new, credits(rule, played, discount, log_ratio)))


NEW = LOGITS + np.random.default_rng(8).normal(size=LOGITS.shape)


@pytest.mark.system("rl.importance_sampling", "rl.offpolicy_pg")
def test_weights_of_whole_trajectories_have_mean_one(x64):
    played = trajectories(small_mdp(5), 3)
    weight = pg.importance_weights(log_probs(played, NEW).sum(-1), log_probs(played, LOGITS).sum(-1))
    np.testing.assert_allclose(expectation(played, LOGITS, weight), 1, rtol=1e-14)


@pytest.mark.system("rl.offpolicy_pg")
@pytest.mark.parametrize("rule", [pg.trajectory_credit, pg.causal_credit])
def test_another_policys_trajectories_give_the_exact_gradient(rule, x64):
    for seed in range(3):
        played = trajectories(small_mdp(seed), 3)
        np.testing.assert_allclose(off_policy(rule, played, NEW, LOGITS), exact(played, NEW), rtol=1e-11, atol=1e-13)
    discounted = off_policy(pg.trajectory_credit, played, NEW, LOGITS, 0.6)
    np.testing.assert_allclose(discounted, exact(played, NEW, 0.6), rtol=1e-11, atol=1e-13)


def two_products(ratio, reward, discount: float, first: int) -> np.ndarray:
    """(4) as it is written: prod_{t'<=t} times sum_{t'>=t} r_t' prod_{t''=t+first..t'}."""
    T = len(reward)
    inner = lambda t, u: discount ** (u - t) * reward[u] * np.prod(ratio[t + first : u + 1])
    return np.array([np.prod(ratio[: t + 1]) * sum(inner(t, u) for u in range(t, T)) for t in range(T)])


@pytest.mark.system("rl.offpolicy_pg")
def test_the_second_product_starts_after_the_step_itself(x64):
    """Written out with loops; from t on, as printed in the notes, the ratio at t counts twice and the mean is wrong."""
    played = trajectories(small_mdp(0), 3)
    ratio = np.exp(log_probs(played, NEW) - log_probs(played, LOGITS))
    written = lambda first: np.array([two_products(*x, 1.0, first) for x in zip(ratio, played.reward, strict=True)])
    got = credits(pg.causal_credit, played, 1.0, jnp.log(ratio))
    np.testing.assert_allclose(got, written(1), rtol=1e-11, atol=1e-13)
    printed = expectation(played, LOGITS, estimates(played, NEW, written(0)))
    assert np.abs(printed - exact(played, NEW)).max() > 0.05
    longer = np.random.default_rng(0).uniform(0.5, 2, 5)
    reward = np.arange(1.0, 6.0)
    got = pg.causal_credit(jnp.log(longer), jnp.asarray(reward), jnp.zeros(5, bool), 0.7)
    np.testing.assert_allclose(got, two_products(longer, reward, 0.7, 1), rtol=1e-12)


@pytest.mark.system("rl.offpolicy_pg")
def test_without_the_second_product_the_mean_is_off_by_what_the_old_policy_does_later(x64):
    """The bias is exactly that: an MDP in which the future is the same for both policies has none."""
    played = trajectories(small_mdp(0), 3)
    bias = off_policy(pg.truncated_credit, played, NEW, LOGITS) - exact(played, NEW)
    assert np.abs(bias).max() > 0.02
    ratio = np.exp(log_probs(played, NEW) - log_probs(played, LOGITS))
    togo = np.cumsum(played.reward[:, ::-1], 1)[:, ::-1]
    by_hand = expectation(played, LOGITS, estimates(played, NEW, np.cumprod(ratio, 1) * togo)) - exact(played, NEW)
    np.testing.assert_allclose(bias, by_hand, rtol=1e-10, atol=1e-13)
    last = trajectories(small_mdp(0), 1)  # one step: there is no later
    np.testing.assert_allclose(
        off_policy(pg.truncated_credit, last, NEW, LOGITS), exact(last, NEW), rtol=1e-11, atol=1e-14
    )


@pytest.mark.system("rl.offpolicy_pg_first_order")
def test_the_bias_of_the_first_order_falls_with_the_distance_and_is_zero_at_none(x64):
    """Half the distance, half the bias; with all ratios it stays zero."""
    played = trajectories(small_mdp(0), 3)

    def bias(distance, rule=pg.first_order_credit):
        new = LOGITS + distance * (NEW - LOGITS)
        return np.linalg.norm(off_policy(rule, played, new, LOGITS) - exact(played, new))

    assert bias(0.0) < 1e-14
    biases = np.array([bias(d) for d in (0.2, 0.1, 0.05, 0.025)])
    assert biases[0] > 1e-3
    np.testing.assert_allclose(biases[:-1] / biases[1:], 2, rtol=0.15)
    np.testing.assert_allclose(biases[-2] / biases[-1], 2, rtol=0.03)
    assert bias(0.2, pg.causal_credit) < 1e-14
