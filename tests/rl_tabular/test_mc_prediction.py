import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.probe import probes
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.ops.returns import action_values
from jaxicon.rl_tabular.mc_prediction import MEAN, first_visit, mc_prediction
from jaxicon.rl_tabular.td0 import Config, every_visit
from tests.rl_tabular._episodes import POLICY, chain, lists, paths, solved, taught


def example():
    mdp = random_walk()
    return mc_prediction(MEAN, mdp, either_way(mdp), first_visit), nothing


def returns(played: list, first: bool) -> list[list[float]]:
    """Of every state, in the order of the visits (or of the first ones only); by the sum, not by recursion."""
    found = [[], [], [], []]
    for states, _, rewards in played:
        for t, s in enumerate(states[:-1]):
            if not (first and s in states[:t]):
                found[s].append(sum(0.9**i * r for i, r in enumerate(rewards[t:])))
    return found


@pytest.mark.system("rl.mc_prediction")
@pytest.mark.parametrize("counted", [first_visit, every_visit])
def test_one_over_the_visits_makes_the_mean_and_a_constant_forgets(x64, counted, key):
    mdp, horizon = chain(), 200
    played = lists(paths(key, horizon, 50))
    assert all(states[-1] == 3 for states, _, _ in played)
    found = returns(played, counted is first_visit)
    assert (len(found[0]) < sum(len(states) - 1 for states, _, _ in played)) or counted is every_visit
    state = taught(jax.random.clone(key), mc_prediction(Config(1.0, 1.0, 9.0, horizon), mdp, POLICY, counted), 50)
    np.testing.assert_allclose(state.value[:3], [np.mean(r) for r in found[:3]], rtol=1e-10)
    np.testing.assert_array_equal(state.visits[:3], [len(r) for r in found[:3]])
    state = taught(key, mc_prediction(Config(0.1, 0.0, 9.0, horizon), mdp, POLICY, counted), 50)
    for s in range(3):
        weights = 0.1 * 0.9 ** np.arange(len(found[s]))[::-1]
        np.testing.assert_allclose(state.value[s], weights @ found[s] + 9 * 0.9 ** len(found[s]), rtol=1e-10)


@pytest.mark.system("rl.mc_prediction")
@pytest.mark.system("rl.mc_vs_dp")
def test_the_error_is_the_deviation_of_the_return_over_the_root_of_the_episodes(key):
    """From the middle of the random walk the return is 1 or 0, half and half, whose deviation is 1/2."""
    mdp, runs = random_walk(), 200
    method = mc_prediction(MEAN, mdp, either_way(mdp), first_visit)
    for episodes_each in (4, 64):
        keys = jax.random.split(jax.random.fold_in(key, episodes_each), runs)
        state, _ = train(keys, method, nothing, episodes_each, chunk=64)
        error = np.asarray(state.value)[:, 3] - 0.5
        assert abs(error.mean()) < 4 * 0.5 / (runs * episodes_each) ** 0.5  # no bias
        np.testing.assert_allclose((error**2).mean() * episodes_each, 0.25, atol=4 * 0.25 * (2 / runs) ** 0.5)
    mean, spread = np.asarray(state.value).mean(0)[1:-1], np.asarray(state.value).std(0)[1:-1]
    assert (np.abs(mean - np.arange(1, 6) / 6) < 4 * spread / runs**0.5 + 1e-6).all(), mean


@pytest.mark.system("rl.mc_vs_dp")
def test_with_the_model_the_error_falls_by_the_same_factor_in_every_sweep(x64):
    """cos(pi / 6), the largest eigenvalue of the walk: not a sample is drawn, and it ends at V^pi exactly."""
    mdp = random_walk()
    policy, value, errors = either_way(mdp), jnp.zeros(7), []
    for _ in range(300):
        value = (policy * action_values(mdp.transition, mdp.reward, mdp.discount, value)).sum(-1)
        errors.append(np.abs(value[1:-1] - np.arange(1, 6) / 6).max())
    factors = np.array(errors[22:102:2]) / np.array(errors[20:100:2])  # the walk is back after an even number of moves
    np.testing.assert_allclose(factors, np.cos(np.pi / 6) ** 2, rtol=1e-3)
    assert errors[-1] < 1e-14


@pytest.mark.system("rl.mc_prediction")
def test_the_time_limit_does_not_cut_the_future(x64, key):
    """To stay is worth 1 / (1 - 1/2), though no episode is longer than three moves."""
    mdp, policy = probes()["time_limit"].mdp, np.tile([1.0, 0.0], (3, 1))
    true = solved(mdp, policy)
    state = taught(key, mc_prediction(Config(0.5, horizon=3), mdp, policy), 200)
    np.testing.assert_allclose(state.value, true, atol=1e-9)
