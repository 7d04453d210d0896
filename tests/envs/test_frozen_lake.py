import gymnasium
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import check


@pytest.mark.parametrize("size", ["4x4", "8x8"])
@pytest.mark.parametrize("slippery", [True, False])
def test_tables_are_those_of_gymnasium(size, slippery):
    game = gymnasium.make("FrozenLake-v1", map_name=size, is_slippery=slippery).unwrapped
    mdp = check(frozen_lake(size, slippery))
    transition, reward = np.zeros_like(mdp.transition), np.zeros_like(mdp.reward)
    terminal = np.zeros(len(reward), bool)
    for s, actions in game.P.items():
        for a, outcomes in actions.items():
            for probability, after, gain, over in outcomes:
                transition[s, a, after] += probability
                reward[s, a] += probability * gain
                terminal[after] |= over
    np.testing.assert_allclose(mdp.transition, transition, atol=1e-12)
    np.testing.assert_allclose(mdp.reward, reward, atol=1e-12)
    np.testing.assert_array_equal(mdp.terminal, terminal)
    np.testing.assert_array_equal(mdp.start, game.initial_state_distrib)


def test_an_unknown_map_is_named():
    with pytest.raises(ConfigError, match="did you mean '8x8'"):
        frozen_lake("8x9")
