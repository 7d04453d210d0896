import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.envs.tabular import check
from tests.rl_tabular._episodes import solved


@pytest.mark.parametrize(("states", "left", "right"), [(5, 0.0, 1.0), (19, -1.0, 3.0), (1, -1.0, 0.5)])
def test_values_lie_on_the_line_between_the_ends(states, left, right):
    mdp = check(random_walk(states, left, right))
    line = np.linspace(left, right, states + 2)[1:-1]
    np.testing.assert_allclose(solved(mdp, either_way(mdp))[1:-1], line, atol=1e-12)
    assert mdp.start[(states + 1) // 2] == 1
    assert mdp.reward[1, 0] == left
    assert mdp.reward[-2, 1] == right
    assert np.count_nonzero(mdp.reward) == (left != 0) + 1
    assert mdp.transition[1, 0, 0] == mdp.transition[-2, 1, -1] == 1


def test_a_walk_without_states_is_refused():
    with pytest.raises(ConfigError, match="states is 0"):
        random_walk(0)
