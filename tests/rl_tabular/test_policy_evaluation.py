import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import random_mdp
from jaxicon.rl_tabular.policy_evaluation import policy_evaluation

LAKE = frozen_lake(discount=0.9)
POLICY = np.random.default_rng(0).dirichlet(np.ones(4), 16)


def example():
    return policy_evaluation(LAKE, POLICY), nothing


def solved(mdp, policy, table) -> np.ndarray:
    chain, gain = np.einsum("sa,sap->sp", policy, table), (policy * mdp.reward).sum(-1)
    return np.linalg.solve(np.eye(len(gain)) - mdp.discount * chain, gain)


@pytest.mark.system("rl.policy_evaluation")
@pytest.mark.parametrize("sparse", [False, True], ids=["table", "successors"])
def test_sweeps_contract_to_the_linear_system_at_the_rate_of_the_discount(x64, sparse, key):
    mdp = random_mdp(3, 40, 4, 3, discount=0.8) if sparse else LAKE
    policy = np.random.default_rng(1).dirichlet(np.ones(4), len(mdp.reward))
    true = solved(mdp, policy, mdp.transition.dense() if sparse else mdp.transition)
    method = policy_evaluation(mdp, policy)
    sweeps = jax.jit(lambda v: jax.lax.scan(lambda v, _: (method.step(key, v, None)[0], v), v, None, 200))
    last, values = sweeps(method.init(jax.random.clone(key), None))
    np.testing.assert_allclose(last, true, rtol=1e-9, atol=1e-12)
    errors = np.abs(np.asarray(values) - true).max(1)
    assert (errors[1:] <= mdp.discount * errors[:-1] + 1e-13).all()
    assert (errors[1:30] < errors[:29]).all()


@pytest.mark.system("rl.policy_evaluation")
def test_one_sweep_of_a_deterministic_policy_is_reward_and_discounted_expectation(x64, key):
    """V(s) <- r(s, pi(s)) + discount * sum_s' p(s' | s, pi(s)) V(s'), state by state."""
    choice = np.random.default_rng(2).integers(4, size=16)
    method, value = policy_evaluation(LAKE, np.eye(4)[choice]), np.random.default_rng(3).normal(size=16)
    after, metrics = method.step(key, jnp.asarray(value), None)
    expected = [LAKE.reward[s, a] + 0.9 * sum(LAKE.transition[s, a] * value) for s, a in enumerate(choice)]
    np.testing.assert_allclose(after, expected, rtol=1e-12)
    np.testing.assert_allclose(metrics["residual"], np.abs(expected - value).max(), rtol=1e-12)


def test_evaluate_measures_the_start_and_what_is_left_to_do(x64, key):
    method = policy_evaluation(LAKE, POLICY)
    value, _ = train(jax.random.clone(key), method, nothing, 300, chunk=300)
    found = evaluate(key, method, value, nothing, 1)
    np.testing.assert_allclose(found["value"], solved(LAKE, POLICY, LAKE.transition)[0], rtol=1e-9)
    assert found["residual"] < 1e-12


@pytest.mark.parametrize("name", probes())
def test_probes_have_the_values_of_their_best_actions(x64, name, key):
    mdp, values = probes()[name].mdp, probes()[name].values
    value, _ = train(key, policy_evaluation(mdp, np.eye(values.shape[1])[values.argmax(1)]), nothing, 60, chunk=60)
    np.testing.assert_allclose(value, values.max(-1), atol=1e-12)


def test_act_plays_the_policy(key):
    method = policy_evaluation(LAKE, np.tile([0.0, 0.75, 0.25, 0.0], (16, 1)))
    acts = jax.jit(jax.vmap(method.act, (0, None, None)))(jax.random.split(key, 2000), jnp.zeros(16), jnp.int32(3))
    np.testing.assert_allclose(np.bincount(acts, minlength=4) / 2000, [0, 0.75, 0.25, 0], atol=0.04)


def test_a_policy_of_another_model_is_refused():
    with pytest.raises(ConfigError, match=r"policy: has shape \(16, 3\)"):
        policy_evaluation(LAKE, np.ones((16, 3)) / 3)
