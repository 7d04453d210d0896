import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Discrete, Environment
from jaxicon.ops.policy_gradient import surrogate
from jaxicon.ops.risk import cvar
from jaxicon.rl_policy.cvar_policy_gradient import all_but_the_tail, cvar_policy_gradient
from jaxicon.rl_policy.reinforce import Config, nothing_subtracted, of_batch, reinforce

SYSTEM = pytest.mark.system("rl.real_risk")
LEVEL = 0.2
SAFE, LUCK, RUIN, CHANCE = 1.0, 2.0, -3.0, 0.1  # the risky arm pays 1.5 on average, but -3 in one of ten cases


def arms() -> Environment:
    def step(key, state, action):
        risky = jnp.where(jax.random.bernoulli(key, CHANCE), RUIN, LUCK)
        return state, jnp.where(action == 1, risky, SAFE), jnp.array(True)

    return Environment(lambda key: jnp.zeros(()), step, lambda state: jnp.ones(1), Discrete(2), 1)


def example():
    return cvar_policy_gradient(Config((4,), batch=10, episodes=4), arms(), LEVEL), nothing


def mixed(p) -> jax.Array:
    """CVaR of the return, if the risky arm is played with probability p."""
    return cvar(jnp.array([RUIN, SAFE, LUCK]), LEVEL, jnp.array([CHANCE * p, 1 - p, (1 - CHANCE) * p]))


@SYSTEM
def test_the_choice_by_cvar_is_not_that_by_the_mean(x64):
    """Of the worst fifth, p / 2 are ruined while at least so many are safe: 1 - 2 p, against a mean of 1 + p / 2."""
    for p in (0.0, 0.3, 0.8):
        np.testing.assert_allclose(mixed(p), 1 - 2 * p, rtol=1e-12)
    np.testing.assert_allclose(mixed(1.0), (CHANCE * RUIN + (LEVEL - CHANCE) * LUCK) / LEVEL, rtol=1e-12)
    assert max(np.linspace(0, 1, 101), key=mixed) == 0
    assert SAFE < CHANCE * RUIN + (1 - CHANCE) * LUCK


def estimate(logit, key, pays, n: int):
    """(1) of n episodes of one step, by the logit of arm 1; pays(key, action) -> returns."""
    act_key, pay_key = jax.random.split(key)
    p = jax.nn.sigmoid(logit)
    action = jax.random.bernoulli(act_key, p, (n,))
    returns = pays(pay_key, action)[:, None]
    left = returns - all_but_the_tail(returns, jnp.ones_like(returns, bool), LEVEL)

    def loss(logit):
        log_prob = jnp.where(action, jax.nn.log_sigmoid(logit), jax.nn.log_sigmoid(-logit))
        return surrogate(log_prob, left[:, 0]) / n

    return jax.grad(loss)(logit)


@SYSTEM
def test_the_gradient_is_the_derivative_of_the_exact_cvar(x64, key):
    """On the lottery by its closed form, d(1 - 2 p) = -2 p (1 - p), and by jax.grad of the exact CVaR."""

    def pays(key, action):
        ruin = jax.random.bernoulli(key, CHANCE, action.shape)
        return jnp.where(action, jnp.where(ruin, RUIN, LUCK), SAFE)

    for n, logit in enumerate((-1.0, 0.5)):
        p = jax.nn.sigmoid(logit)
        exact = jax.grad(lambda x: mixed(jax.nn.sigmoid(x)))(logit)
        np.testing.assert_allclose(exact, -2 * p * (1 - p), rtol=1e-9)
        keys = jax.random.split(jax.random.fold_in(key, n), 50)
        found = jax.vmap(lambda key: estimate(logit, key, pays, 2000))(keys)
        assert abs(found.mean() - exact) < 4 * found.std() / 50**0.5, (found.mean(), exact)
        assert found.std() / 50**0.5 < 0.05 * abs(exact)


@SYSTEM
def test_the_gradient_is_right_where_returns_are_continuous(x64, key):
    """Two Gaussian arms: quantile and CVaR of the mixture by SciPy, and a difference of the latter."""
    means, stds = np.array([1.0, 1.6]), np.array([0.5, 1.5])

    def exact(logit):
        share = np.array([1, np.exp(logit)]) / (1 + np.exp(logit))
        quantile = brentq(lambda v: share @ norm.cdf((v - means) / stds) - LEVEL, -20, 20, xtol=1e-13)
        density = lambda z: z * (share @ (norm.pdf((z - means) / stds) / stds))
        return quad(density, -15, quantile, epsabs=1e-12)[0] / LEVEL

    def pays(key, action):
        arm = action.astype(int)
        return jnp.array(means)[arm] + jnp.array(stds)[arm] * jax.random.normal(key, action.shape)

    derivative = (exact(0.3 + 1e-4) - exact(0.3 - 1e-4)) / 2e-4
    found = jax.vmap(lambda key: estimate(0.3, key, pays, 4000))(jax.random.split(key, 100))
    assert abs(found.mean() - derivative) < 4 * found.std() / 10 + 2e-3, (found.mean(), derivative)
    assert found.std() / 10 < 0.05 * abs(derivative)


@SYSTEM
def test_what_is_left_is_the_credit_of_a_plain_loop(x64):
    returns = np.array([3.0, -1.0, 0.5, -4.0, 2.0, 7.0, 1.0, 0.0, -2.0, 5.0])
    quantile = np.sort(returns)[1]  # of ten, the two worst are a fifth
    expected = [(r - quantile) / LEVEL if r < quantile else 0.0 for r in returns]
    credit = jnp.array(returns)[:, None].repeat(3, 1)
    left = credit - all_but_the_tail(credit, jnp.ones((10, 3), bool), LEVEL)
    np.testing.assert_allclose(left, np.array(expected)[:, None] * np.ones(3), rtol=1e-12)


@pytest.mark.slow
@SYSTEM
def test_one_learns_to_be_safe_and_the_other_to_earn(key):
    config = Config((4,), learning_rate=0.1, batch=50, episodes=100)
    careful = cvar_policy_gradient(config, arms(), LEVEL)
    plain = reinforce(config, arms(), of_batch(nothing_subtracted))
    keys = jax.random.split(key, 4)
    chosen = {}
    for name, method in {"careful": careful, "plain": plain}.items():
        state, _ = train(jax.random.clone(keys), method, nothing, 50, chunk=50)
        chosen[name] = jax.vmap(lambda key, state, method=method: method.act(key, state, jnp.ones(1)))(keys, state)
        if name == "careful":
            measured = evaluate(jax.random.clone(keys), method, state, nothing, 1)
    assert (chosen["careful"] == 0).all()
    assert (chosen["plain"] == 1).all()
    np.testing.assert_allclose([measured["return"], measured["cvar"]], np.full((2, 4), SAFE), rtol=1e-6)


def test_a_level_that_cannot_be_is_refused():
    for level in (0.0, 1.5):
        with pytest.raises(ConfigError, match=f"level is {level}"):
            cvar_policy_gradient(Config(), arms(), level)
