import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from jaxicon.core.run import fresh
from jaxicon.core.stream import nothing
from jaxicon.envs.probe import probes
from jaxicon.rl_value.double_dqn import double_dqn, online_choice_by_target
from jaxicon.rl_value.dqn import Config, best_by_target, dqn
from tests.rl_value.test_dqn import SMALL, learned


def example():
    return double_dqn(SMALL, probes()["both"].environment()), nothing


@pytest.mark.system("rl.ddqn")
@pytest.mark.parametrize("actions", [2, 10])
def test_overestimation_is_that_of_a_maximum_for_dqn_and_none_for_double_dqn(x64, actions, key):
    """All actions are worth 0, both networks err by independent standard normals: E max_a = int x n phi Phi^(n-1)."""
    bias = quad(lambda x: x * actions * norm.pdf(x) * norm.cdf(x) ** (actions - 1), -9, 9)[0]
    online, target = jax.random.normal(key, (2, 100_000, actions))
    error = 4 / 100_000**0.5
    np.testing.assert_allclose(jax.vmap(best_by_target)(online, target).mean(), bias, atol=error)
    np.testing.assert_allclose(jax.vmap(online_choice_by_target)(online, target).mean(), 0, atol=error)


@pytest.mark.system("rl.ddqn")
def test_the_online_network_chooses_and_the_target_rates():
    online, target = jnp.array([1.0, 3.0, 2.0]), jnp.array([5.0, -1.0, 4.0])
    assert online_choice_by_target(online, target) == -1
    assert best_by_target(online, target) == 5


@pytest.mark.system("rl.ddqn")
def test_in_a_step_the_next_state_is_worth_what_the_target_says_of_the_online_choice(x64, key):
    """Networks that prefer different actions: the two losses are known, from one transition and biases alone."""
    config = Config((), 0.1, 10**9, 0.9, 1, 1, 1, target_every=10**9, epsilon_end=1.0)
    env = probes()["time_limit"].environment()
    for factory, following in ((dqn, 7.0), (double_dqn, 2.0)):
        method = factory(config, env)
        state = fresh(jax.random.clone(key), method)
        bias = lambda b: {"params": {"Dense_0": {"kernel": jnp.zeros((1, 2)), "bias": jnp.array(b)}}}
        state = state._replace(params=bias([1.0, 4.0]), target=bias([7.0, 2.0]))
        after, metrics = jax.jit(method.step)(jax.random.clone(key), state, None)
        seen = jax.tree.map(lambda x: x[0], after.memory.rows)
        error = seen.reward + 0.9 * following - [1.0, 4.0][int(seen.action)]
        np.testing.assert_allclose(metrics["td_loss"], error**2, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_their_values(name, key):
    probe = probes()[name]
    np.testing.assert_allclose(learned(name, key, double_dqn), probe.values[~probe.mdp.terminal], atol=0.05)
