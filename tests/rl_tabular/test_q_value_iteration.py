import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import probes
from jaxicon.rl_tabular.q_value_iteration import q_value_iteration
from jaxicon.rl_tabular.value_iteration import value_iteration


def example():
    return q_value_iteration(frozen_lake()), nothing


@pytest.mark.system("rl.q_value_iteration")
def test_random_values_contract_to_those_of_the_linear_program(x64, key):
    mdp = frozen_lake(discount=0.9)
    rows = (mdp.discount * mdp.transition - np.eye(16)[:, None]).reshape(-1, 16)
    value = linprog(np.ones(16), rows, -mdp.reward.ravel(), bounds=(None, None)).x
    best = mdp.reward + mdp.discount * mdp.transition @ value
    method = q_value_iteration(mdp)
    first = method.init(jax.random.clone(key), None)
    assert np.abs(first[~mdp.terminal]).min() > 0
    assert not first[mdp.terminal].any()
    steps = jax.jit(lambda q: jax.lax.scan(lambda q, _: (method.step(key, q, None)[0], q), q, None, 300))
    last, table = steps(first)
    np.testing.assert_allclose(last, best, atol=1e-9)
    errors = np.abs(np.asarray(table) - best).max((1, 2))
    assert errors[0] > 1
    assert (errors[1:] <= mdp.discount * errors[:-1] + 1e-9).all()


@pytest.mark.system("rl.q_value_iteration")
@pytest.mark.parametrize(("size", "start"), [("4x4", 0.5420259320), ("8x8", None)])
def test_the_fixed_point_is_that_of_value_iteration(x64, size, start, key):
    mdp = frozen_lake(size)
    q, _ = train(jax.random.clone(key), q_value_iteration(mdp), nothing, 2500, chunk=2500)
    value, _ = train(jax.random.clone(key), value_iteration(mdp), nothing, 2500, chunk=2500)
    np.testing.assert_allclose(q.max(-1), value, rtol=0, atol=1e-8)
    np.testing.assert_allclose(q, mdp.reward + 0.99 * mdp.transition @ np.asarray(value), rtol=0, atol=1e-8)
    if start:
        found = evaluate(key, q_value_iteration(mdp), q, nothing, 1)
        np.testing.assert_allclose([found["value"], found["greedy_value"]], start, atol=1e-9)
        assert found["residual"] < 1e-9


@pytest.mark.system("rl.q_value_iteration")
@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(x64, name, key):
    q, _ = train(key, q_value_iteration(probes()[name].mdp), nothing, 60, chunk=60)
    np.testing.assert_allclose(q, probes()[name].values, atol=1e-12)


def test_act_is_greedy_and_breaks_ties_at_random(key):
    method, q = q_value_iteration(frozen_lake()), jnp.zeros((16, 4)).at[5].set(jnp.array([1.0, 2.0, 0.0, 2.0]))
    acts = jax.jit(jax.vmap(method.act, (0, None, None)))(jax.random.split(key, 64), q, jnp.int32(5))
    assert set(acts.tolist()) == {1, 3}


def test_an_ill_formed_model_is_refused():
    with pytest.raises(ConfigError, match="discount"):
        q_value_iteration(frozen_lake(discount=1.1))
