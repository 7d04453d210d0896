import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import chisquare

from jaxicon.ops.exploration import (
    boltzmann,
    constant,
    counting,
    decaying,
    draw,
    epsilon_greedy,
    epsilon_others,
    greedily,
    greedy,
    harmonic_decay,
    linear_decay,
    no_bonus,
    one_of,
    optimistic,
    randomly,
    rules,
    ucb,
    with_epsilon,
)

VALUES, VISITS = np.array([0.5, 2.0, -1.0, 1.9]), np.array([3, 40, 1, 6])


def says(rule, t=50, values=VALUES, visits=VISITS) -> np.ndarray:
    """The probabilities of a rule."""
    return np.asarray(rule.probabilities(jnp.array(values), jnp.array(visits), jnp.int32(t)))


def test_ties_share_the_greedy_probability():
    np.testing.assert_allclose(greedy(jnp.array([1.0, 3.0, 3.0, -2.0])), [0, 0.5, 0.5, 0])
    np.testing.assert_allclose(greedy(jnp.zeros(4)), np.full(4, 0.25))


@pytest.mark.system("rl.explore_eps_greedy")
def test_the_two_conventions_have_their_exact_frequencies(x64):
    values = jnp.array([0.0, 5.0, 1.0, 2.0])
    np.testing.assert_allclose(epsilon_greedy(values, 0.2), [0.05, 0.85, 0.05, 0.05], rtol=1e-12)
    np.testing.assert_allclose(epsilon_others(values, 0.2), [0.2 / 3, 0.8, 0.2 / 3, 0.2 / 3], rtol=1e-12)
    # Two tied actions: one of them is drawn, and is left with probability epsilon for one of the other three.
    tied = jnp.array([5.0, 5.0, 1.0, 2.0])
    np.testing.assert_allclose(epsilon_others(tied, 0.3), [0.4, 0.4, 0.1, 0.1], rtol=1e-12)
    np.testing.assert_allclose(epsilon_greedy(values, 0.3), epsilon_others(values, 0.3 * 3 / 4), rtol=1e-12)


@pytest.mark.system("rl.explore_eps_greedy")
def test_actions_are_drawn_with_these_frequencies(x64, key):
    for policy in (epsilon_greedy, epsilon_others):
        probabilities = policy(jnp.array([0.0, 5.0, 1.0, 5.0]), 0.4)
        keys = jax.random.split(jax.random.clone(key), 20_000)
        counts = np.bincount(jax.vmap(draw, (0, None))(keys, probabilities), minlength=4)
        assert chisquare(counts, 20_000 * np.asarray(probabilities, float)).pvalue > 1e-3


def test_an_impossible_index_is_never_drawn(key):
    probabilities = jnp.array([0.0, 0.3, 0.0, 0.7, 0.0])
    drawn = jax.vmap(draw, (0, None))(jax.random.split(key, 50_000), probabilities)
    assert set(np.unique(drawn)) == {1, 3}


@pytest.mark.system("rl.explore_decay")
def test_schedules_pass_through_their_points(x64):
    t = jnp.array([0, 25, 50, 100, 1000])
    np.testing.assert_allclose(linear_decay(t, 1.0, 0.2, 100.0), [1, 0.8, 0.6, 0.2, 0.2], rtol=1e-12)
    np.testing.assert_allclose(harmonic_decay(t, 0.8, 50.0), [0.8, 0.8 / 1.5, 0.4, 0.8 / 3, 0.8 / 21], rtol=1e-12)
    np.testing.assert_allclose(harmonic_decay(t, 0.8, float("inf")), np.full(5, 0.8), rtol=1e-12)


@pytest.mark.system("rl.explore_decay")
def test_the_harmonic_sum_diverges_and_that_of_its_squares_does_not(x64):
    from scipy.special import digamma, polygamma

    pace = 10.0
    epsilon = np.asarray(harmonic_decay(jnp.arange(200_000), 1.0, pace))
    assert epsilon[-1] < 1e-4
    for n in (200, 2_000, 200_000):  # grows like pace * log n for ever
        np.testing.assert_allclose(epsilon[:n].sum(), pace * (digamma(n + pace) - digamma(pace)), rtol=1e-9)
    np.testing.assert_allclose((epsilon**2).sum(), pace**2 * polygamma(1, pace), rtol=1e-3)


def pulls(rule, means, steps, key) -> np.ndarray:
    """What a rule plays in a plain loop over arms that always pay the same."""
    values, visits, played = np.full(len(means), rule.initial), np.zeros(len(means), int), []
    choose = jax.jit(lambda key, values, visits, t: draw(key, rule.probabilities(values, visits, t)))
    for t in range(steps):
        a = int(choose(jax.random.fold_in(key, t), jnp.asarray(values), jnp.asarray(visits), t))
        visits[a] += 1
        values[a] += (means[a] - values[a]) / visits[a]
        played.append(a)
    return np.array(played)


@pytest.mark.parametrize("name", rules())
def test_every_rule_gives_probabilities(x64, name):
    rule = rules()[name]
    for visits in (VISITS, np.zeros(4, int)):
        p = says(rule, visits=visits)
        np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)
        assert (p >= 0).all()
    assert p.shape == rule.bonus(jnp.array(VISITS)).shape == (4,)


@pytest.mark.system("rl.explore_random")
def test_the_random_rule_knows_nothing(x64, key):
    probabilities = jnp.array(says(randomly()))
    counts = np.bincount(jax.vmap(draw, (0, None))(jax.random.split(key, 20_000), probabilities), minlength=4)
    assert chisquare(counts).pvalue > 1e-3
    np.testing.assert_allclose(probabilities, np.full(4, 0.25))


@pytest.mark.system("rl.explore_greedy")
def test_the_greedy_rule_never_leaves_the_first_arm_that_pays(x64, key):
    """Arms that pay 0.2 and 1: the first move is a tie, and what it finds is played for ever."""
    firsts = []
    for n in range(20):
        played = pulls(greedily(), [0.2, 1.0], 5, jax.random.fold_in(key, n))
        assert len(set(played)) == 1
        firsts.append(played[0])
    assert 3 <= sum(firsts) <= 17
    np.testing.assert_allclose(says(greedily()), [0, 1, 0, 0])


@pytest.mark.system("rl.explore_eps_greedy")
@pytest.mark.system("rl.explore_decay")
def test_rules_with_epsilon_follow_their_schedule_and_their_convention(x64):
    np.testing.assert_allclose(says(constant(0.2)), [0.05, 0.85, 0.05, 0.05], rtol=1e-12)
    np.testing.assert_allclose(says(constant(0.3, epsilon_others)), [0.1, 0.7, 0.1, 0.1], rtol=1e-12)
    for t, epsilon in ((0, 0.8), (25, 0.4), (175, 0.1)):
        np.testing.assert_allclose(says(decaying(0.8, 25.0), t)[0], epsilon / 4, rtol=1e-12)
    np.testing.assert_allclose(says(decaying(0.8, 25.0, epsilon_others), 25)[0], 0.4 / 3, rtol=1e-12)
    falling = with_epsilon(lambda t: linear_decay(t, 1.0, 0.2, 100.0), epsilon_others)
    np.testing.assert_allclose(says(falling)[0], 0.6 / 3, rtol=1e-12)


@pytest.mark.system("rl.explore_boltzmann")
def test_boltzmann_is_a_softmax_between_greedy_and_uniform(x64):
    at = lambda temperature, values=VALUES: says(boltzmann(temperature), values=values)
    for temperature in (0.1, 1.0, 7.0):
        np.testing.assert_allclose(at(temperature), softmax(VALUES / temperature), rtol=1e-12)
    np.testing.assert_allclose(at(1e-3), [0, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(at(1e-300, [1.0, 1.0, 0.0, 1.0]), [1 / 3, 1 / 3, 0, 1 / 3], rtol=1e-12)
    np.testing.assert_allclose(at(1e9), np.full(4, 0.25), rtol=1e-8)


@pytest.mark.system("rl.explore_optimistic")
def test_an_optimist_tries_everything_before_it_is_content(x64, key):
    means = np.linspace(0, 1, 10)
    played = pulls(optimistic(2.0), means, 30, key)
    assert sorted(played[:10]) == list(range(10))
    assert (played[10:] == 9).all()  # with sample averages nothing of the optimism is left
    assert rules()["optimistic"].initial > 1
    assert [name for name, rule in rules().items() if rule.initial] == ["optimistic"]


@pytest.mark.system("rl.explore_count")
def test_counting_prefers_what_was_seen_less_and_says_by_how_much(x64, key):
    rule = counting(2.0)
    np.testing.assert_allclose(rule.bonus(jnp.array(VISITS)), 2 / np.sqrt([4, 41, 2, 7]), rtol=1e-12)
    best = (VALUES + 2 / np.sqrt(1 + VISITS)).argmax()
    assert best == 3  # neither the best by value nor the least tried
    np.testing.assert_allclose(says(rule), np.eye(4)[best])
    np.testing.assert_array_equal(np.bincount(pulls(rule, np.zeros(5), 25, key)), [5] * 5)
    assert [name for name, rule in rules().items() if rule.bonus is not no_bonus] == ["count"]


@pytest.mark.system("rl.explore_ucb")
def test_ucb_plays_every_arm_once_and_then_by_its_bound(x64, key):
    means, rule = np.array([0.1, 0.5, 0.45, 0.3]), ucb(0.7)
    played = pulls(rule, means, 200, key)
    assert sorted(played[:4]) == [0, 1, 2, 3]
    visits = np.ones(4)
    for t in range(4, 200):
        bounds = means + 0.7 * np.sqrt(np.log(t) / visits)
        assert bounds[played[t]] >= bounds.max() - 1e-12
        visits[played[t]] += 1
    assert (np.diff(visits[means.argsort()]) > 0).all()


def test_rules_can_be_data(x64):
    """All nine under one vmap say what each says alone."""
    table = list(rules().values())
    together = lambda i: (
        one_of(table, i).probabilities(*args),
        one_of(table, i).initial,
        one_of(table, i).bonus(args[1]),
    )
    args = jnp.array(VALUES), jnp.array(VISITS), jnp.int32(50)
    probabilities, initial, bonus = jax.vmap(together)(jnp.arange(9))
    np.testing.assert_allclose(probabilities, [says(rule) for rule in table], rtol=1e-12)
    np.testing.assert_allclose(initial, [rule.initial for rule in table])
    np.testing.assert_allclose(bonus, [rule.bonus(args[1]) for rule in table], rtol=1e-12)
