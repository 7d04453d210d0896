import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import mean_return
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import environment
from jaxicon.rl_tabular.value_iteration import value_iteration


def example():
    return value_iteration(frozen_lake()), nothing


def linear_program(mdp) -> np.ndarray:
    """V* as the least v with v >= r_a + discount P_a v for every action a."""
    states = len(mdp.reward)
    rows = (mdp.discount * mdp.transition - np.eye(states)[:, None]).reshape(-1, states)
    return linprog(np.ones(states), rows, -mdp.reward.ravel(), bounds=(None, None)).x


def iterates(mdp, key, steps: int) -> np.ndarray:
    """V_0 .. V_steps."""
    method = value_iteration(mdp)
    step = jax.jit(lambda value: method.step(key, value, None)[0])
    values = [method.init(jax.random.clone(key), None)]
    for _ in range(steps):
        values.append(step(values[-1]))
    return np.array(values)


@pytest.mark.system("rl.value_iteration")
@pytest.mark.parametrize(("size", "slippery", "start"), [("4x4", True, 0.5420259320), ("4x4", False, 0.99**5)])
def test_the_lake_has_its_known_value(x64, size, slippery, start, key):
    mdp = frozen_lake(size, slippery)
    value, _ = train(key, value_iteration(mdp), nothing, 2000, chunk=2000)
    np.testing.assert_allclose(value[0], start, rtol=0, atol=1e-9)


@pytest.mark.system("rl.value_iteration")
@pytest.mark.parametrize("size", ["4x4", "8x8"])
def test_it_converges_to_the_linear_program_at_the_rate_of_the_discount(x64, size, key):
    mdp = frozen_lake(size, discount=0.9)
    best, values = linear_program(mdp), iterates(mdp, key, 250)
    np.testing.assert_allclose(values[-1], best, atol=1e-9)
    errors = np.array([np.abs(v - best).max() for v in values])
    assert (errors <= mdp.discount ** np.arange(251) * errors[0] + 1e-12).all()
    assert (errors[1:] <= mdp.discount * errors[:-1] + 1e-12).all()


@pytest.mark.system("rl.optimal_policy")
def test_the_greedy_policy_is_worth_the_optimal_value_whichever_way_ties_are_broken(x64, key):
    mdp = frozen_lake()
    method = value_iteration(mdp)
    value, _ = train(jax.random.clone(key), method, nothing, 2000, chunk=2000)
    q = mdp.reward + mdp.discount * mdp.transition @ np.asarray(value)
    ties = q >= q.max(-1, keepdims=True) - 1e-9
    assert (ties[~mdp.terminal].sum(-1) > 1).any(), "no tie to break"
    for policy in (ties.argmax(-1), 3 - ties[:, ::-1].argmax(-1)):  # the first and the last of the best
        chain, gain = mdp.transition[np.arange(16), policy], mdp.reward[np.arange(16), policy]
        np.testing.assert_allclose(np.linalg.solve(np.eye(16) - mdp.discount * chain, gain), value, atol=1e-8)
    keys = jax.random.split(jax.random.clone(key), (16, 20))
    acts = jax.vmap(jax.vmap(method.act, (0, None, None)), (0, None, 0))(keys, value, jnp.arange(16))
    assert ties[np.arange(16)[:, None], acts].all()
    measured = evaluate(key, method, value, nothing, 1)
    np.testing.assert_allclose(measured["greedy_value"], 0.5420259320, atol=1e-9)
    np.testing.assert_allclose(measured["value"], measured["greedy_value"], atol=1e-9)


def test_play_earns_what_the_chain_of_the_greedy_policy_says(key):
    """Within the time limit, from the powers of its transition matrix."""
    mdp = frozen_lake()
    method = value_iteration(mdp)
    value, _ = train(jax.random.clone(key), method, nothing, 1000, chunk=1000)
    policy = np.asarray(jax.vmap(method.act, (None, None, 0))(jax.random.clone(key), value, jnp.arange(16)))
    place, expected = mdp.start, 0.0
    for _ in range(100):
        expected += place @ mdp.reward[np.arange(16), policy]
        place = place @ mdp.transition[np.arange(16), policy]
    act = lambda key, obs: jnp.asarray(policy)[obs]
    got = mean_return(key, environment(mdp, 100), act, 4000)
    np.testing.assert_allclose(got, expected, atol=4 * 0.6 / 4000**0.5)


@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(x64, name, key):
    mdp = probes()[name].mdp
    value, _ = train(key, value_iteration(mdp), nothing, 60, chunk=60)
    np.testing.assert_allclose(value, probes()[name].values.max(-1), atol=1e-12)


def test_an_ill_formed_model_is_refused():
    with pytest.raises(ConfigError, match="discount"):
        value_iteration(frozen_lake(discount=-0.1))
