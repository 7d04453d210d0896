import jax
import numpy as np
import pytest

from jaxicon.envs.environment import mean_return
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import check


def optimal(mdp) -> np.ndarray:
    """Action values after 60 sweeps of Bellman's optimality backup, state by state."""
    q = np.zeros_like(mdp.reward)
    for _ in range(60):
        for s, a in np.ndindex(q.shape):
            q[s, a] = mdp.reward[s, a] + mdp.discount * mdp.transition[s, a] @ q.max(-1)
    return q


@pytest.mark.parametrize("name", probes())
def test_values_are_those_of_the_tables(name):
    probe = probes()[name]
    np.testing.assert_allclose(optimal(check(probe.mdp)), probe.values, atol=1e-12)
    seen = probe.features[~probe.mdp.terminal]
    assert len(np.unique(seen, axis=0)) == len(seen), "two states look alike"


def test_the_agent_sees_features_and_the_time_limit_holds(key):
    env = probes()["time_limit"].environment()
    state = env.reset(jax.random.clone(key))
    assert env.observe(state) == -1
    assert mean_return(key, env, lambda key, obs: jax.numpy.int32(0), 1) == 2  # 0 + 1 + 1, then cut off
