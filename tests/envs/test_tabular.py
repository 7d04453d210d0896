import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import chisquare

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import mean_return
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import MDP, check, environment, greedy_value, look_ahead, random_mdp, with_death
from jaxicon.ops.successors import UNROLLED, Successors


def small() -> MDP:
    """Three states, two actions; the last state is the end."""
    transition = np.array([[[0.2, 0.5, 0.3], [1, 0, 0]], [[0, 0.6, 0.4], [0.1, 0.1, 0.8]], [[0, 0, 1], [0, 0, 1]]])
    reward = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 0.0]])
    return MDP(transition, reward, 0.9, np.array([False, False, True]), np.array([0.7, 0.3, 0.0]))


def sparse() -> MDP:
    """The same, with every state named as a successor, the last one twice."""
    table = small().transition
    probability = np.concatenate([table[..., :2], table[..., 2:] / 4, table[..., 2:] * 3 / 4], -1)
    return small()._replace(transition=Successors(np.broadcast_to([0, 1, 2, 2], (3, 2, 4)), probability))


@pytest.mark.system("rl.mdp")
@pytest.mark.parametrize("mdp", [small(), sparse()], ids=["table", "successors"])
def test_simulation_counts_match_the_tables(mdp, key):
    n, table = 8_000, small().transition
    env = environment(mdp, 10)
    for s, a in np.ndindex(2, 2):
        keys = jax.random.split(jax.random.fold_in(jax.random.clone(key), 2 * s + a), n)
        after, reward, terminal = jax.vmap(env.step, (0, None, None))(keys, jnp.int32(s), jnp.int32(a))
        possible = table[s, a] > 0
        counts = np.bincount(after, minlength=3)
        assert not counts[~possible].any()
        assert possible.sum() == 1 or chisquare(counts[possible], n * table[s, a, possible]).pvalue > 1e-3
        np.testing.assert_allclose(reward, mdp.reward[s, a])
        np.testing.assert_array_equal(terminal, after == 2)
    starts = np.bincount(jax.vmap(env.reset)(jax.random.split(key, n)), minlength=3)
    assert chisquare(starts[:2], n * mdp.start[:2]).pvalue > 1e-3
    assert starts[2] == 0


@pytest.mark.system("rl.mdp")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transition": small().transition * 0.9}, r"transition\(0, 0\) is no distribution: sum 0.9"),
        ({"transition": np.tile([1.5, -0.5, 0.0], (3, 2, 1))}, "least -0.5"),
        ({"start": np.array([0.5, 0.4, 0.0])}, "start"),
        ({"discount": 1.5}, "discount is 1.5"),
        ({"reward": np.zeros((3, 3))}, r"expected \(s, a, s\)"),
        ({"reward": np.array([[np.nan, 0], [0, 0], [0, 0]])}, r"reward\(0, 0\) is not finite"),
        ({"reward": np.ones((3, 2))}, "state 2 is terminal but"),
        ({"terminal": np.array([True, False, True])}, "state 0 is terminal but"),
    ],
)
def test_a_wrong_table_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        check(small()._replace(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": np.full((3, 2, 4), 3)}, r"lie in \[3, 3\]; expected \(3, 2, 4\), in \[0, 2\]"),
        ({"state": np.zeros((3, 2, 3), int)}, r"successors have shape \(3, 2, 3\)"),
        ({"state": np.zeros((3, 2, 4), int)}, "state 2 is terminal but"),
        ({"probability": np.full((3, 2, 4), 0.2)}, r"transition\(0, 0\) is no distribution: sum 0.8"),
        ({"probability": np.full((3, 1, 4), 0.25)}, r"expected \(s, a, k\)"),
    ],
)
def test_wrong_successors_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        check(sparse()._replace(transition=sparse().transition._replace(**change)))


def looked_up(mdp: MDP, value: np.ndarray) -> np.ndarray:
    """The value of every action, in NumPy."""
    return mdp.reward + mdp.discount * (mdp.transition.probability * value[mdp.transition.state]).sum(-1)


@pytest.mark.parametrize("successors", [3, UNROLLED // 2 + 1])
def test_looking_ahead_is_the_same_written_out_and_as_a_reduction(x64, successors):
    mdp = check(random_mdp(1, 50, 2, successors))
    value = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(look_ahead(mdp, jnp.asarray(value)), looked_up(mdp, value), rtol=1e-12)


def test_a_hundred_thousand_states_are_solved():
    """Value iteration and the exact value of its greedy policy, with SciPy's sparse matrices beside it."""
    mdp = check(random_mdp(0, 100_000, 4, 8, discount=0.5))
    backup = lambda mdp: lambda _, value: look_ahead(mdp, value).max(-1)
    solve = jax.jit(lambda mdp: jax.lax.fori_loop(0, 25, backup(mdp), jnp.zeros(100_000)))
    value = solve(mdp)
    worth = jax.jit(lambda mdp, value: greedy_value(mdp, look_ahead(mdp, value)))(mdp, value)
    rows = np.repeat(np.arange(400_000), 8)
    table = csr_array((mdp.transition.probability.ravel(), (rows, mdp.transition.state.ravel())), (400_000, 100_000))
    expected = np.zeros(100_000)
    for _ in range(25):
        expected = (mdp.reward + mdp.discount * (table @ expected).reshape(100_000, 4)).max(-1)
    np.testing.assert_allclose(value, expected, atol=1e-5)
    np.testing.assert_allclose(worth, expected, atol=1e-5)


@pytest.mark.system("rl.discount_death")
@pytest.mark.parametrize("mdp", [small(), sparse(), frozen_lake()], ids=["table", "successors", "lake"])
def test_death_in_place_of_a_discount_leaves_every_policy_its_value(x64, mdp):
    mortal = check(with_death(mdp))
    states, actions = mdp.reward.shape
    assert mortal.discount == 1
    assert mortal.terminal[-1]
    dense = [m.transition.dense() if isinstance(m.transition, Successors) else m.transition for m in (mdp, mortal)]
    policy = np.random.default_rng(0).dirichlet(np.ones(actions), states)
    chain, doomed = np.einsum("sa,sap->sp", policy, dense[0]), np.einsum("sa,sap->sp", policy, dense[1][:-1, :, :-1])
    discounted = np.linalg.solve(np.eye(states) - mdp.discount * chain, (policy * mdp.reward).sum(-1))
    alive = ~mdp.terminal
    undiscounted = np.linalg.solve(
        (np.eye(states) - doomed)[alive][:, alive], (policy * mortal.reward[:-1]).sum(-1)[alive]
    )
    np.testing.assert_allclose(undiscounted, discounted[alive], rtol=1e-10)
    np.testing.assert_allclose(dense[1][:-1, :, -1], np.where(alive, 1 - mdp.discount, 0)[:, None] * np.ones(actions))


@pytest.mark.system("rl.discount_death")
def test_played_to_the_end_a_mortal_earns_the_discounted_value(key):
    """A reward of 1 a step, for ever or until death: 1 / (1 - discount) = 5 steps in the mean."""
    forever = MDP(np.ones((1, 1, 1)), np.ones((1, 1)), 0.8, np.zeros(1, bool), np.ones(1))
    play = lambda key, obs: jnp.int32(0)
    lives = mean_return(key, environment(with_death(forever), 100), play, 4000)
    np.testing.assert_allclose(lives, 5, atol=4 * np.sqrt(20 / 4000))  # the variance of a geometric: 0.8 / 0.2^2
