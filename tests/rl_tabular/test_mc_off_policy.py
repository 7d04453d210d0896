import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.path import Path
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import MDP
from jaxicon.rl_tabular.mc_off_policy import Config, State, learn, likelihoods, mc_off_policy
from tests.rl_tabular._episodes import POLICY, chain, lists, paths, solved, taught

TARGET = np.array([[0.8, 0.2], [0.2, 0.8], [0.9, 0.1], [0.5, 0.5]])
RATIO = TARGET / np.where(POLICY > 0, POLICY, 1)
WANTED, PLAYED = (
    np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]),
    np.array([[0.4, 0.6], [0.7, 0.3], [0.5, 0.5]]),
)  # in `short`


def example():
    return mc_off_policy(Config(), chain(), TARGET, POLICY), nothing


def nothing_known(states: int) -> State:
    return State(jnp.zeros(states), jnp.zeros(states), jnp.zeros(states, jnp.int32), jnp.zeros(states))


def short() -> MDP:
    """From 0 to 1 or straight to the end (2); from 1 to the end: at most two moves."""
    transition = np.array([[[0, 0.5, 0.5], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]], [[0, 0, 1], [0, 0, 1]]], float)
    reward = np.array([[1.0, 0.0], [2.0, -3.0], [0.0, 0.0]])
    return MDP(transition, reward, 0.9, np.arange(3) == 2, np.array([1.0, 0.0, 0.0]))


def every_path(mdp: MDP, policy: np.ndarray) -> tuple[Path, np.ndarray]:
    """All episodes of `short` with their probabilities."""
    rows, chances = [], []
    for a, s, b, end in itertools.product(range(2), range(3), range(2), range(3)):
        chance = policy[0, a] * mdp.transition[0, a, s] * policy[s, b] * mdp.transition[s, b, end]
        if chance > 0:
            rows.append(([0, s, end], [a, b], [mdp.reward[0, a], mdp.reward[s, b]], 1 if s == 2 else 2))
            chances.append(chance)
    return Path(*(jnp.array(column) for column in zip(*rows, strict=True))), np.array(chances)


@pytest.mark.system("rl.mc_offpolicy")
def test_ordinary_has_no_bias_and_that_of_weighted_vanishes(x64):
    """The expected estimates after 1, 2 and 4 episodes, over all sequences of episodes there are."""
    mdp = short()
    every, chances = every_path(mdp, PLAYED)
    np.testing.assert_allclose(chances.sum(), 1)
    true, behaved = solved(mdp, WANTED), solved(mdp, PLAYED)
    ratio = jnp.asarray(WANTED / PLAYED)
    teach = lambda state, i: (learn(0.9, ratio, state, jax.tree.map(lambda x: x[i], every)), None)
    bias = {}
    for n in (1, 2, 4):
        sequences = np.array(list(itertools.product(range(len(chances)), repeat=n)))
        run = lambda sequence: jax.lax.scan(teach, nothing_known(3), sequence)[0]
        state = jax.jit(jax.vmap(run))(jnp.asarray(sequences))
        weight = chances[sequences].prod(-1)
        np.testing.assert_allclose(weight @ np.asarray(state.ordinary)[:, 0], true[0], rtol=1e-12)
        bias[n] = weight @ np.asarray(state.weighted)[:, 0] - true[0]
    np.testing.assert_allclose(bias[1], behaved[0] - true[0], rtol=1e-12)  # one return, whatever its weight
    assert abs(bias[1]) > 0.05
    assert abs(bias[4]) < 0.7 * abs(bias[2]) < 0.7 * 0.7 * abs(bias[1])


@pytest.mark.system("rl.mc_offpolicy")
def test_both_are_what_a_plain_loop_makes_of_the_first_visits(x64, key):
    mdp, horizon, n = chain(), 200, 40
    state = taught(jax.random.clone(key), mc_off_policy(Config(horizon), mdp, TARGET, POLICY), n)
    found = [[], [], []]
    for states, actions, rewards in lists(paths(key, horizon, n)):
        assert states[-1] == 3
        for t, s in enumerate(states[:-1]):
            if s not in states[:t]:
                rho = np.prod([RATIO[states[k], actions[k]] for k in range(t, len(actions))])
                found[s].append((rho, sum(0.9**i * r for i, r in enumerate(rewards[t:]))))
    for s, pairs in enumerate(found):
        rho, returns = np.array(pairs).T
        np.testing.assert_allclose(state.ordinary[s], (rho * returns).mean(), rtol=1e-9)
        np.testing.assert_allclose(state.weighted[s], (rho * returns).sum() / rho.sum(), rtol=1e-9)
        np.testing.assert_allclose([state.visits[s], state.weight[s]], [len(rho), rho.sum()], rtol=1e-9)


@pytest.mark.system("rl.mc_offpolicy")
def test_an_action_that_is_never_taken_has_no_say(x64):
    """A return of weight 0: the weighted estimate stays where it is, also where there is no other yet."""
    path = Path(jnp.array([0, 1, 2]), jnp.array([1, 0]), jnp.array([5.0, 7.0]), jnp.array(2))
    ratio = jnp.array([[2.0, 0.0], [1.5, 0.5], [1.0, 1.0]])
    np.testing.assert_allclose(likelihoods(path, ratio), [0, 1.5])
    state = learn(1.0, ratio, nothing_known(3), path)
    np.testing.assert_allclose(state.weighted, [0, 7, 0])
    np.testing.assert_allclose(state.ordinary, [0, 10.5, 0])


@pytest.mark.system("rl.mc_offpolicy")
def test_both_come_near_the_values_of_the_policy_and_not_of_the_behaviour(key):
    mdp, keys = short(), jax.random.split(key, 4)
    method = mc_off_policy(Config(2), mdp, WANTED, PLAYED)
    state, _ = train(jax.random.clone(keys), method, nothing, 3000, chunk=3000)
    true = solved(mdp, WANTED)
    assert abs(true[0] - solved(mdp, PLAYED)[0]) > 0.5
    measured = evaluate(keys, method, state, nothing, 1)
    for name in ("ordinary", "weighted"):
        found = np.asarray(getattr(state, name))
        np.testing.assert_allclose(found.mean(0), true, atol=0.15)
        error = np.sqrt(((found - true) ** 2).sum(-1) / 2)
        np.testing.assert_allclose(measured[f"{name}_error"], error, rtol=1e-3, atol=1e-5)


@pytest.mark.system("rl.mc_offpolicy")
def test_the_time_limit_does_not_cut_the_future(x64, key):
    """To stay is worth 1 / (1 - 1/2), told by episodes of three moves that leave as often as they stay."""
    mdp = probes()["time_limit"].mdp
    policy = np.tile([1.0, 0.0], (3, 1))
    state = taught(key, mc_off_policy(Config(3), mdp, policy, np.full((3, 2), 0.5)), 8000)
    np.testing.assert_allclose(state.weighted, solved(mdp, policy), atol=0.02)
    np.testing.assert_allclose(state.ordinary, solved(mdp, policy), atol=0.2)


@pytest.mark.parametrize(
    ("behaviour", "horizon", "message"),
    [
        (np.tile([1.0, 0.0], (4, 1)), 9, "never takes action 1 in state 0"),
        (POLICY * 2, 9, "policy: row.0,."),
        (POLICY, 0, "horizon is 0"),
    ],
)
def test_what_cannot_be_is_refused(behaviour, horizon, message):
    with pytest.raises(ConfigError, match=message):
        mc_off_policy(Config(horizon), chain(), TARGET, behaviour)
