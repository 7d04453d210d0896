"""Value iteration against a linear programme, a linear system and its own rate of contraction."""

from itertools import pairwise

import jax
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.tabular import MDP
from jaxicon.rl_tabular.value_iteration import value_iteration


def example():
    return value_iteration(frozen_lake()), nothing


def random_mdp(states=7, actions=3) -> MDP:
    draw = np.random.default_rng(0)
    transition = draw.dirichlet(np.full(states, 0.3), (states, actions))
    start = np.full(states, 1 / states)
    return MDP(transition, draw.normal(size=(states, actions)), 0.9, np.zeros(states, bool), start)


def optimum(mdp: MDP) -> np.ndarray:
    """The smallest v with v(s) >= r(s, a) + discount p(. | s, a) v for all s and a."""
    states = len(mdp.reward)
    matrix = mdp.discount * mdp.transition - np.eye(states)[:, None]
    result = linprog(np.ones(states), matrix.reshape(-1, states), -mdp.reward.ravel(), bounds=(None, None))
    assert result.success
    return result.x


@pytest.mark.system("rl.value_iteration")
@pytest.mark.parametrize("mdp", [frozen_lake(), frozen_lake("8x8"), frozen_lake(slippery=False), random_mdp()])
def test_the_limit_is_the_solution_of_the_linear_programme(x64, key, mdp):
    value, _ = train(key, value_iteration(mdp), nothing, 2500)
    np.testing.assert_allclose(value, optimum(mdp), atol=1e-8)


@pytest.mark.system("rl.value_iteration")
def test_the_known_value_of_the_slippery_lake(x64, key):
    method = value_iteration(frozen_lake())
    value, _ = train(jax.random.clone(key), method, nothing, 2500)
    measured = evaluate(key, method, value, nothing, 1)
    assert measured["value"] == pytest.approx(0.5420259320, abs=1e-9)
    assert measured["greedy_value"] == pytest.approx(0.5420259320, abs=1e-9)
    assert measured["residual"] < 1e-9


@pytest.mark.system("rl.value_iteration")
def test_every_sweep_contracts_by_the_discount(x64, key):
    mdp = random_mdp()
    limit, seen = optimum(mdp), []
    train(key, value_iteration(mdp), nothing, 60, chunk=1, hooks=[lambda t, v, _: seen.append(np.array(v))])
    errors = [np.abs(v - limit).max() for v in [np.zeros(7), *seen]]
    assert all(after <= mdp.discount * before + 1e-8 for before, after in pairwise(errors))
    assert errors[-1] <= mdp.discount**60 * errors[0] + 1e-8


@pytest.mark.system("rl.optimal_policy")
@pytest.mark.parametrize("mdp", [frozen_lake(), random_mdp()])
def test_the_greedy_policy_attains_the_optimum_however_ties_are_broken(x64, key, mdp):
    """Its value is solved from the linear system of the policy, for the first and for the last of the best actions."""
    method = value_iteration(mdp)
    value, _ = train(key, method, nothing, 2500)
    q = mdp.reward + mdp.discount * mdp.transition @ np.asarray(value)
    states = np.arange(len(q))
    best = q >= q.max(-1, keepdims=True) - 1e-9
    for action in (best.argmax(-1), q.shape[1] - 1 - best[:, ::-1].argmax(-1)):
        system = np.eye(len(q)) - mdp.discount * mdp.transition[states, action]
        np.testing.assert_allclose(np.linalg.solve(system, mdp.reward[states, action]), optimum(mdp), atol=1e-7)
    acts = jax.vmap(lambda s: method.act(jax.random.key(1), value, s))(states)
    assert best[states, acts].all()


def test_an_ill_formed_model_is_refused():
    mdp = random_mdp()
    with pytest.raises(ConfigError, match="transition"):
        value_iteration(mdp._replace(transition=mdp.transition * 0.9))
