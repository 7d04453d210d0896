import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.bandit import bernoulli, environment, fixed, gaussian, still
from jaxicon.envs.environment import mean_return

SYSTEM = pytest.mark.system("rl.bandit")


@SYSTEM
def test_means_and_rewards_have_their_distributions(x64, key):
    keys = [jax.random.split(jax.random.fold_in(key, n), 3000) for n in range(5)]
    bed = gaussian(2, spread=3.0, noise=0.5, drift=0.2)
    assert kstest(jax.vmap(bed.draw)(keys[0])[:, 1] / 3.0, "norm").pvalue > 1e-3
    assert kstest((jax.vmap(bed.pull, (0, None))(keys[1], jnp.array(7.0)) - 7.0) / 0.5, "norm").pvalue > 1e-3
    moved = jax.vmap(bed.drift, (0, None))(keys[2], jnp.array([1.0, -4.0]))
    assert kstest((np.asarray(moved) - [1.0, -4.0]).ravel() / 0.2, "norm").pvalue > 1e-3
    coin = bernoulli(2)
    assert kstest(jax.vmap(coin.draw)(keys[3])[:, 0], "uniform").pvalue > 1e-3
    paid = np.asarray(jax.vmap(coin.pull, (0, None))(keys[4], jnp.array(0.3)))
    assert set(paid) == {0.0, 1.0}
    assert abs(paid.mean() - 0.3) < 4 * 0.46 / 3000**0.5
    np.testing.assert_array_equal(still(key, jnp.arange(3.0)), np.arange(3))


@SYSTEM
def test_a_fixed_bandit_can_be_played_as_an_environment(key):
    arms = np.array([0.2, 0.9])
    bed = fixed(bernoulli(2), arms)
    np.testing.assert_allclose(bed.draw(key), arms, rtol=1e-6)
    env = environment(bed, arms)
    for action in (0, 1):
        got = mean_return(jax.random.key(action), env, lambda key, obs, action=action: jnp.int32(action), 4000)
        assert abs(got - arms[action]) < 4 * 0.4 / 4000**0.5


def test_a_bandit_needs_arms():
    for testbed in (gaussian, bernoulli):
        with pytest.raises(ConfigError, match="arms is 0"):
            testbed(0)
