import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.core.errors import ConfigError
from jaxicon.envs.tabular import MDP, check, environment


def small() -> MDP:
    """Three states, two actions; the last state is the end."""
    transition = np.array([[[0.2, 0.5, 0.3], [1, 0, 0]], [[0, 0.6, 0.4], [0.1, 0.1, 0.8]], [[0, 0, 1], [0, 0, 1]]])
    reward = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 0.0]])
    return MDP(transition, reward, 0.9, np.array([False, False, True]), np.array([0.7, 0.3, 0.0]))


@pytest.mark.system("rl.mdp")
def test_simulation_counts_match_the_tables(key):
    mdp, n = small(), 8_000
    env = environment(mdp, 10)
    for s, a in np.ndindex(2, 2):
        keys = jax.random.split(jax.random.fold_in(jax.random.clone(key), 2 * s + a), n)
        after, reward, terminal = jax.vmap(env.step, (0, None, None))(keys, jnp.int32(s), jnp.int32(a))
        possible = mdp.transition[s, a] > 0
        counts = np.bincount(after, minlength=3)
        assert not counts[~possible].any()
        assert possible.sum() == 1 or chisquare(counts[possible], n * mdp.transition[s, a, possible]).pvalue > 1e-3
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
