"""Against sums over the length of an option, linear solves and value iteration."""

import jax
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.four_rooms import MAP, four_rooms, rooms
from jaxicon.envs.grid_world import grid_world
from jaxicon.envs.tabular import MDP
from jaxicon.rl_tabular.options import Config, Options, models, options, planned, primitive, together, toward
from jaxicon.rl_tabular.value_iteration import value_iteration


def corridor() -> MDP:
    return grid_world(["S....G"], {"G": 1.0}, step=-0.1, discount=0.9)


def example():
    mdp = corridor()
    return options(Config(), mdp, primitive(mdp)), nothing


def doors(mdp: MDP) -> Options:
    return together(*(toward(mdp, door, room) for room, found in rooms() for door in found))


def random_options(seed: int) -> tuple[MDP, Options]:
    """Six states, two actions, the last state the end; three options that stop at random and may begin anywhere."""
    rng = np.random.default_rng(seed)
    transition, reward = rng.dirichlet(np.ones(6), (6, 2)), rng.normal(size=(6, 2))
    transition[-1], reward[-1] = np.eye(6)[-1], 0
    mdp = MDP(transition, reward, 0.9, np.arange(6) == 5, np.eye(6)[0])
    stop = rng.uniform(size=(3, 6))
    stop[:, -1] = 1
    return mdp, Options(rng.integers(2, size=(3, 6)), stop, np.ones((3, 6), bool))


@pytest.mark.system("rl.real_hierarchical")
def test_models_are_the_sums_over_the_length_of_an_option(x64):
    """(1), term by term: k - 1 steps without an end, then the k-th."""
    mdp, three = random_options(0)
    reward, arrival = models(mdp, three)
    for o in range(3):
        goes = mdp.transition[np.arange(6), three.action[o]]
        earns = mdp.reward[np.arange(6), three.action[o]]
        going, gained, ended = np.eye(6), np.zeros(6), np.zeros((6, 6))
        for k in range(600):
            gained += 0.9**k * going @ earns
            ended += 0.9 ** (k + 1) * going @ goes * three.stop[o]
            going = going @ goes * (1 - three.stop[o])
        np.testing.assert_allclose(reward[:, o], gained, rtol=1e-9)
        np.testing.assert_allclose(arrival[:, o], ended, rtol=1e-9, atol=1e-14)


@pytest.mark.slow
@pytest.mark.system("rl.real_hierarchical")
def test_the_values_of_the_semi_markov_process_are_a_linear_solve(x64):
    """With one option there is nothing to choose: v = r + p v. With the actions beside it they are those of the MDP."""
    mdp, three = random_options(1)
    one = Options(*(table[:1] for table in three))
    reward, arrival = (np.asarray(table[:, 0]) for table in models(mdp, one))
    wanted = np.linalg.solve(np.eye(6) - arrival, reward)
    np.testing.assert_allclose(planned(mdp, one, 500)[:-1, 0], wanted[:-1], rtol=1e-9)
    best, _ = train(jax.random.key(0), value_iteration(mdp), nothing, 500, chunk=500)
    both = planned(mdp, together(primitive(mdp), three), 500).max(-1)
    np.testing.assert_allclose(both[:-1], best[:-1], rtol=1e-9)
    assert (planned(mdp, three, 500).max(-1)[:-1] < best[:-1] - 1e-3).any()  # three courses do not do all


@pytest.mark.system("rl.real_hierarchical")
def test_learned_values_are_those_of_planning(key, x64):
    """A corridor without chance: the actions, and an option that runs to its fourth cell."""
    mdp = corridor()
    run = toward(mdp, 3, np.array([True, True, True, False, False, False]))
    choices = together(primitive(mdp), run)
    method = options(Config(0.5, 0.5), mdp, choices)
    state, _ = train(key, method, nothing, 8000, chunk=8000)
    wanted = planned(mdp, choices, 200)
    seen = np.asarray(choices.allowed.T & ~mdp.terminal[:, None])
    np.testing.assert_allclose(np.asarray(state.q)[seen], np.asarray(wanted)[seen], atol=1e-6)
    shortest = -0.1 * sum(0.9**k for k in range(4)) + 0.9**4
    np.testing.assert_allclose(evaluate(jax.random.key(1), method, state, nothing, 1)["value"], shortest, atol=1e-6)
    assert state.episodes > 100


def test_a_cut_episode_still_bootstraps(key, x64):
    """One cell to walk on for ever at 1 a step, cut off every three steps: it is worth 1 / (1 - discount)."""
    stay = MDP(
        np.array([[[1.0, 0.0]], [[0.0, 1.0]]]), np.array([[1.0], [0.0]]), 0.5, np.array([False, True]), np.eye(2)[0]
    )
    method = options(Config(0.5, 0.0, horizon=3), stay, primitive(stay))
    state, _ = train(key, method, nothing, 300, chunk=300)
    np.testing.assert_allclose(state.q[0, 0], 2, atol=1e-9)
    assert state.episodes == 100


@pytest.mark.system("rl.real_hierarchical")
def test_an_option_of_the_rooms_leads_to_its_door_and_ends_there():
    mdp = four_rooms(slip=0.0)
    cells, ways = np.array([list(row) for row in MAP]).ravel(), doors(mdp)
    assert len(ways.action) == 8
    assert sum(room.sum() for room, _ in rooms()) == np.isin(cells, [".", "G"]).sum()
    for (room, door), action, stop in zip(
        ((room, door) for room, found in rooms() for door in found), ways.action, ways.stop, strict=True
    ):
        assert cells[door] == "D"
        for s in np.flatnonzero(room & ~mdp.terminal):
            steps = 0
            while stop[s] == 0:
                s, steps = mdp.transition[s, action[s]].argmax(), steps + 1
                assert steps < 12
            assert s == door or mdp.terminal[s]


def test_what_is_ill_formed_is_refused():
    mdp = corridor()
    with pytest.raises(ConfigError, match="none may be begun in state 3"):
        options(Config(), mdp, toward(mdp, 3, np.arange(6) < 3))
    with pytest.raises(ConfigError, match="expected \\(options, 6\\)"):
        options(Config(), mdp, Options(*(table[:, :4] for table in primitive(mdp))))
    with pytest.raises(ConfigError, match="cannot be reached"):
        toward(mdp, 0, np.arange(6) > 3)
    with pytest.raises(ConfigError, match="epsilon is 2"):
        options(Config(epsilon=2.0), mdp, primitive(mdp))
