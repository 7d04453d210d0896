import jax
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.deep_sea import deep_sea
from jaxicon.envs.tabular import check
from jaxicon.rl_tabular.value_iteration import value_iteration


def test_every_dive_pays_what_it_pays_in_gymnax():
    """All 2^8 ways down the sea of eight rows, with the actions of gymnax unshuffled."""
    from gymnax.environments.bsuite.deep_sea import DeepSea

    sea = DeepSea(8)
    params = sea.default_params.replace(randomize_actions=False)
    ways = np.array(np.meshgrid(*[[0, 1]] * 8, indexing="ij")).reshape(8, -1).T

    def dive(way):
        def move(state, action):
            _, state, reward, over, _ = sea.step_env(jax.random.key(0), state, action, params)
            return state, (reward, over, 8 * state.row + state.column)

        return jax.lax.scan(move, sea.reset_env(jax.random.key(1), params)[1], way)[1]

    with jax.numpy_rank_promotion("allow"):
        rewards, over, cells = map(np.asarray, jax.jit(jax.vmap(dive))(ways))
    mdp = check(deep_sea(8))
    for way, *seen in zip(ways, rewards, over, cells, strict=True):
        s = 0
        for action, paid, last, cell in zip(way, *seen, strict=True):
            assert abs(mdp.reward[s, action] - paid) < 1e-6
            s = int(mdp.transition[s, action].argmax())
            assert mdp.terminal[s] == last
            assert last or s == cell
    assert rewards.sum(-1).argmax() == 255
    assert (rewards.sum(-1) > 0).sum() == 1


def test_the_optimum_is_known(x64, key):
    mdp = deep_sea(6, 0.9)
    value, _ = train(key, value_iteration(mdp), nothing, 10, chunk=10)
    powers = 0.9 ** np.arange(6)
    np.testing.assert_allclose(value[0], powers[-1] - 0.01 / 6 * powers.sum(), rtol=1e-12)


def test_a_sea_without_rows_is_refused():
    with pytest.raises(ConfigError, match="size is 0"):
        deep_sea(0)
