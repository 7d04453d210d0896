import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.path import check_policy, first_visits, walk
from tests.rl_tabular._episodes import POLICY, chain, lists, paths


def test_paths_are_those_of_the_policy_in_the_model(key):
    mdp, n, counts = chain(), 4000, np.zeros((4, 2, 4))
    rows = lists(paths(key, 12, n))
    for state, action, _ in rows:
        np.add.at(counts, (state[:-1], action, state[1:]), 1)
    moves = counts.sum(-1)
    np.testing.assert_allclose(moves[:3] / moves[:3].sum(-1, keepdims=True), POLICY[:3], atol=0.02)
    np.testing.assert_allclose(counts[:3] / moves[:3, :, None], mdp.transition[:3], atol=0.03)
    np.testing.assert_allclose(np.bincount([s[0] for s, _, _ in rows], minlength=4) / n, mdp.start, atol=0.04)
    assert {len(rewards) for _, _, rewards in rows} == set(range(1, 13))
    assert not moves[3].any()


def test_after_its_end_a_path_stays_and_earns_nothing(key):
    mdp, rows = chain(), jax.tree.map(np.asarray, paths(key, 12, 4000))
    for state, action, reward, length in zip(*rows, strict=True):
        assert not mdp.terminal[state[:length]].any()
        assert mdp.terminal[state[length:]].all() or length == 12
        assert not reward[length:].any()
        np.testing.assert_allclose(reward[:length], mdp.reward[state[:length], action[:length]], rtol=1e-6)
    assert not mdp.terminal[rows.state[rows.length == 12, -1]].all()  # cut off


def test_first_visits_are_those_of_places_not_seen_before(key):
    rows = paths(key, 12, 4000)
    first = np.asarray(jax.vmap(lambda path: first_visits(path, path.state[:-1]))(rows))
    for (states, _, _), flags in zip(lists(rows), first, strict=True):
        here = states[:-1]
        assert flags.tolist() == [s not in here[:t] for t, s in enumerate(here)] + [False] * (12 - len(here))


def test_a_path_starts_as_it_is_told(key):
    told = lambda s, a: jax.vmap(lambda key: walk(key, chain(), POLICY, 3, (jnp.int32(s), jnp.int32(a))))
    begun = told(2, 1)(jax.random.split(key, 50))
    assert (begun.state[:, 0] == 2).all()
    assert (begun.action[:, 0] == 1).all()
    assert set(begun.state[:, 1].tolist()) == {1, 2, 3}
    assert not told(3, 0)(jax.random.split(jax.random.key(1), 2)).length.any()


@pytest.mark.parametrize(
    ("policy", "message"),
    [(POLICY[:3], "expected .4, 2."), (POLICY * 0.9, "row.0,. is no"), (1 - 2 * POLICY, "row.0,.")],
)
def test_what_is_no_policy_is_refused(policy, message):
    with pytest.raises(ConfigError, match=message):
        check_policy(chain(), policy)
