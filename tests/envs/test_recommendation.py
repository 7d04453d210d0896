import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import beta, kstest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.recommendation import audience

SYSTEM = pytest.mark.system("rl.app_recommender")


@SYSTEM
def test_visitors_and_rates_have_their_distributions(x64, key):
    people = audience(groups=4, articles=3, purity=0.3, most=0.8)
    who = np.asarray(jax.vmap(people.visitor)(jax.random.split(key, 3000)))
    np.testing.assert_allclose(who.sum(-1), 1, rtol=1e-9)
    assert kstest(who[:, 2], beta(0.3, 0.9).cdf).pvalue > 1e-3
    rates = np.asarray(jax.vmap(people.rates)(jax.random.split(jax.random.key(1), 500)))
    assert kstest(rates[:, 1, 2] / 0.8, "uniform").pvalue > 1e-3


@SYSTEM
def test_clicks_come_at_the_mean_rate_of_the_groups(x64, key):
    people = audience(2, 2)
    rates, who = jnp.array([[0.1, 0.7], [0.5, 0.2]]), jnp.array([0.25, 0.75])
    for article, rate in ((0, 0.4), (1, 0.325)):
        keys = jax.random.split(jax.random.fold_in(key, article), 5000)
        clicks = np.asarray(jax.vmap(people.click, (0, None, None, None))(keys, rates, who, jnp.int32(article)))
        assert set(clicks) == {0.0, 1.0}
        assert abs(clicks.mean() - rate) < 4 * 0.5 / 5000**0.5


def test_rates_above_one_are_refused():
    with pytest.raises(ConfigError, match="most is 1.5"):
        audience(most=1.5)
    with pytest.raises(ConfigError, match="purity is 0"):
        audience(purity=0)
