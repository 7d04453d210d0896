import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.stream import nothing
from jaxicon.envs.path import Path
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.rl_tabular.mc_prediction import mc_prediction
from jaxicon.rl_tabular.n_step_td import n_step_td, window
from jaxicon.rl_tabular.td0 import Config, td0
from tests.rl_tabular._episodes import POLICY, chain, lists, paths, taught

CONFIG = Config(0.3, 0.3, 0.25, 6)


def example():
    mdp = random_walk()
    return n_step_td(Config(), mdp, either_way(mdp), 3), nothing


def move_by_move(played: list, n: int) -> np.ndarray:
    """As one plays: after move t the state of n - 1 moves before has its target; at the end the rest of them."""
    value, visits = np.array([0.25, 0.25, 0.25, 0.0]), np.zeros(4, int)
    for states, _, rewards in played:
        length = len(rewards)
        for t in range(length + n - 1):
            update = t - n + 1
            if not 0 <= update < length:
                continue
            end, s = min(update + n, length), states[update]
            target = sum(0.9 ** (i - update) * rewards[i] for i in range(update, end))
            target += 0.9 ** (end - update) * (0 if states[end] == 3 else value[states[end]])
            visits[s] += 1
            value[s] += 0.3 / visits[s] ** 0.3 * (target - value[s])
    return value


@pytest.mark.system("rl.td_nstep")
@pytest.mark.parametrize("n", [2, 3, 6])
def test_learns_what_is_learned_move_by_move(x64, n, key):
    mdp = chain()
    state = taught(key, n_step_td(CONFIG, mdp, POLICY, n), 60)
    np.testing.assert_allclose(state.value, move_by_move(lists(paths(key, 6, 60)), n), rtol=1e-10)


@pytest.mark.system("rl.td_nstep")
def test_one_reward_is_td0_and_all_of_them_monte_carlo(x64, key):
    mdp = chain()
    of = lambda method: taught(jax.random.clone(key), method, 60).value
    one, two, six, more = (of(n_step_td(CONFIG, mdp, POLICY, n)) for n in (1, 2, 6, 50))
    short, whole = of(td0(CONFIG, mdp, POLICY)), of(mc_prediction(CONFIG, mdp, POLICY))
    np.testing.assert_allclose(one, short, rtol=1e-12)
    np.testing.assert_allclose(six, whole, rtol=1e-12)
    np.testing.assert_allclose(more, whole, rtol=1e-12)
    assert np.abs(two - short).max() > 0.01
    assert np.abs(two - whole).max() > 0.01


@pytest.mark.system("rl.td_nstep")
def test_a_window_stops_at_the_end_of_the_episode(x64):
    """Rewards 1, 10, 100 and then the end (state 2), or cut off there (state 1, worth 7). Discount 1/2."""
    value = jnp.array([5.0, 7.0, 0.0])
    for last, worth in ((2, 0.0), (1, 7.0)):
        path = Path(jnp.array([0, 1, 0, last, last]), jnp.zeros(4, int), jnp.array([1.0, 10, 100, 0]), jnp.array(3))
        targets = {n: [float(window(n)(path, 0.5)(value, t)) for t in range(3)] for n in (1, 2, 3, 9)}
        ends = 100 + 0.5 * worth
        assert targets[1] == [1 + 3.5, 10 + 2.5, ends]
        assert targets[2] == [1 + 5 + 1.25, 10 + 0.5 * ends, ends]
        assert targets[3] == targets[9] == [1 + 5 + 0.25 * ends, 10 + 0.5 * ends, ends]


def test_a_window_without_a_reward_is_refused():
    with pytest.raises(ConfigError, match="n is 0"):
        n_step_td(Config(), chain(), POLICY, 0)
