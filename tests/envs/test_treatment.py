"""Against the linear programme of Markov decision processes, and a course of treatment counted by hand."""

import jax
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.tabular import check
from jaxicon.envs.treatment import LEVELS, treatment
from jaxicon.rl_tabular.policy_iteration import Config, policy_iteration


@pytest.mark.system("rl.app_treatment")
def test_the_plan_is_that_of_dynamic_programming_and_of_the_linear_programme(key, x64):
    """The least v with v >= r + discount P v for every dose; plans are worth what it says, in every state."""
    mdp = check(treatment())
    states = len(mdp.reward)
    rows = np.eye(states)[:, None] - mdp.discount * mdp.transition
    least = linprog(np.ones(states), A_ub=-rows.reshape(-1, states), b_ub=-mdp.reward.ravel(), bounds=(None, None)).x
    method = policy_iteration(Config(), mdp)
    state, _ = train(key, method, nothing, 20, chunk=20)
    np.testing.assert_allclose(state.value, least, atol=1e-8)
    np.testing.assert_allclose(
        evaluate(jax.random.key(1), method, state, nothing, 1)["value"], mdp.start @ least, atol=1e-8
    )
    q = mdp.reward + mdp.discount * mdp.transition @ least
    alive = ~mdp.terminal
    np.testing.assert_array_equal(np.asarray(state.policy)[alive], q.argmax(-1)[alive])
    assert set(q.argmax(-1)[alive].tolist()) == {1, 2}, "the best dose depends on the patient"


@pytest.mark.system("rl.app_treatment")
def test_what_a_dose_does():
    """At stage 2 with one level of the drug: a strong dose, and none, of which 7 in 10 levels are gone."""
    mdp, s = treatment(), 2 * LEVELS + 1
    worse = 0.08 + 0.12 * np.array([1, 3])
    strong = {1 * LEVELS + 2: 0.42, 2 * LEVELS + 2: 0.58 - worse[1], 3 * LEVELS + 2: worse[1]}
    split = lambda stage, chance: {stage * LEVELS + 1: 0.3 * chance, stage * LEVELS: 0.7 * chance}
    none = split(1, 0.1) | split(2, 0.9 - worse[0]) | split(3, worse[0])
    for dose, wanted in ((2, strong), (0, none)):
        row = np.zeros(len(mdp.reward))
        row[[*wanted]] = [*wanted.values()]
        np.testing.assert_allclose(mdp.transition[s, dose], row, atol=1e-15)
    np.testing.assert_allclose(mdp.reward[s, 2], -0.2 - 0.1)
    np.testing.assert_allclose(mdp.reward[1 * LEVELS, 1], 0.3 - 0.1)
    np.testing.assert_allclose(mdp.reward[4 * LEVELS, 2], -5 * (0.08 + 0.24) - 0.4)
