from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.grid_world import maze, star_grid
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import random_mdp
from jaxicon.rl_tabular.policy_iteration import Config, improved, policy_iteration
from jaxicon.rl_tabular.value_iteration import value_iteration


def example():
    return policy_iteration(Config(), frozen_lake()), nothing


def solved(mdp, policy) -> np.ndarray:
    """The value of a policy, by a linear solve."""
    s = np.arange(len(policy))
    table = mdp.transition if isinstance(mdp.transition, np.ndarray) else mdp.transition.dense()
    return np.linalg.solve(np.eye(s.size) - mdp.discount * table[s, policy], mdp.reward[s, policy])


def states_of(method, key, steps: int) -> list:
    """The states after 0 .. steps steps."""
    step = jax.jit(lambda state: method.step(key, state, None)[0])
    states = [fresh(jax.random.clone(key), method)]
    for _ in range(steps):
        states.append(step(states[-1]))
    return states


@pytest.mark.system("rl.policy_iteration")
@pytest.mark.parametrize("size", ["4x4", "8x8"])
def test_policies_improve_in_every_state_and_end_at_the_optimum_in_a_few_steps(x64, size, key):
    mdp = frozen_lake(size)
    best, _ = train(jax.random.clone(key), value_iteration(mdp), nothing, 3000, chunk=3000)
    states = states_of(policy_iteration(Config(), mdp), key, 12)
    values = np.array([solved(mdp, np.asarray(state.policy)) for state in states])
    assert (np.diff(values, axis=0) >= -1e-10).all()
    np.testing.assert_allclose(values[-1], best, atol=1e-8)
    np.testing.assert_allclose([s.value for s in states[1:]], values[:-1], atol=1e-9)  # that of the policy before
    moved = [bool((a.policy != b.policy).any()) for a, b in pairwise(states)]
    assert moved == sorted(moved, reverse=True), "a policy that was kept has changed again"
    assert 2 <= sum(moved) <= 11


@pytest.mark.system("rl.policy_iteration")
@pytest.mark.parametrize("backups", [1, 5])
def test_of_a_few_backups_the_value_follows_a_plain_loop(x64, backups, key):
    """Puterman's modified policy iteration, in NumPy from the same first policy."""
    mdp = frozen_lake()
    states = states_of(policy_iteration(Config(backups), mdp), key, 30)
    value, policy = np.zeros(16), np.asarray(states[0].policy)
    for state in states[1:]:
        for _ in range(backups):
            q = mdp.reward + mdp.discount * mdp.transition @ value
            value = q[np.arange(16), policy]
        q = mdp.reward + mdp.discount * mdp.transition @ value
        np.testing.assert_allclose(state.value, value, rtol=1e-12, atol=1e-15)
        still = q[np.arange(16), policy] >= q.max(1) - 1e-14
        np.testing.assert_array_equal(state.policy[still], policy[still])
        policy = np.asarray(state.policy)
        np.testing.assert_allclose(q[np.arange(16), policy], q.max(1), rtol=0, atol=1e-12)


@pytest.mark.system("rl.policy_iteration")
def test_one_backup_is_value_iteration_but_for_the_first_policy(x64, key):
    """V <- max_a q(s, a) from the second step on."""
    mdp = frozen_lake("8x8")
    first, *rest = states_of(policy_iteration(Config(1), mdp), key, 20)[1:]
    value = np.asarray(first.value)
    for state in rest:
        value = (mdp.reward + mdp.discount * mdp.transition @ value).max(1)
        np.testing.assert_allclose(state.value, value, rtol=1e-11, atol=1e-15)


@pytest.mark.system("rl.policy_iteration")
@pytest.mark.parametrize("backups", [None, 10])
def test_a_large_model_in_successors_ends_at_its_optimum(x64, backups, key):
    mdp = random_mdp(4, 300, 3, 4, discount=0.9)
    method = policy_iteration(Config(backups), mdp)
    state, history = train(jax.random.clone(key), method, nothing, 40, chunk=40)
    assert history["changed"][0] > 100
    assert history["changed"][-1] == 0
    value = solved(mdp, np.asarray(state.policy))
    q = mdp.reward + 0.9 * (mdp.transition.probability * value[mdp.transition.state]).sum(-1)
    np.testing.assert_allclose(q.max(1), value, rtol=1e-9)  # Bellman's equation
    found = evaluate(key, method, state, nothing, 1)
    np.testing.assert_allclose(found["value"], value.mean(), rtol=1e-9)
    assert found["residual"] < (1e-9 if backups is None else 1e-7)


@pytest.mark.parametrize(("mdp", "longest"), [(star_grid(), 9), (maze(), 20)], ids=["star", "maze"])
def test_grids_are_solved_within_the_length_of_their_longest_path(mdp, longest, key):
    """Undiscounted too, from a random policy that never gets there; in float32."""
    keys = jax.random.split(key, 5)
    _, history = train(keys, policy_iteration(Config(), mdp), nothing, 30, chunk=30)
    steps = (history["changed"] > 0).sum(1)
    assert steps.max() <= longest + 1
    assert steps.min() >= 2


@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(x64, name, key):
    state, _ = train(key, policy_iteration(Config(), probes()[name].mdp), nothing, 6, chunk=6)
    np.testing.assert_allclose(state.value, probes()[name].values.max(-1), atol=1e-12)


def test_an_action_is_kept_unless_another_is_better_by_more_than_rounding(key):
    q = jnp.array([[1.0, 1.0], [1.0, 1.0 + 1e-6], [1.0, 1.1]])
    np.testing.assert_array_equal(improved(q, jnp.zeros(3, int)), [0, 0, 1])
    np.testing.assert_array_equal(improved(q, jnp.ones(3, int)), [1, 1, 1])
    state = fresh(key, policy_iteration(Config(), frozen_lake()))
    assert policy_iteration(Config(), frozen_lake()).act(jax.random.key(1), state, jnp.int32(7)) == state.policy[7]


def test_no_backups_are_refused():
    with pytest.raises(ConfigError, match="backups is 0"):
        policy_iteration(Config(0), frozen_lake())
