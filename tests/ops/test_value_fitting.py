"""Fits to returns are least squares, as NumPy solves them; fits to a reward and the next value end at v_pi."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.envs.tabular import MDP, check
from jaxicon.ops.returns import discounted_returns, one_step_target
from jaxicon.ops.value_fitting import fitted, half_square

linear = lambda params, features: features @ params


def test_no_gradient_reaches_the_target(x64):
    """Though it is made of the same parameter: the slope of (w - 2 w)^2 / 2 is w - 2 w."""
    assert half_square(jnp.array(3.0), jnp.array(1.0)) == 2
    assert jax.grad(lambda w: half_square(w, 2 * w))(3.0) == -3


@pytest.mark.system("rl.mc_policy_evaluation")
def test_a_linear_fit_to_returns_is_least_squares(x64):
    """Returns of random episodes, with a plain loop for the sums; few features average over many states."""
    rng, discount = np.random.default_rng(0), 0.9
    reward, features = rng.normal(size=(6, 5)), np.concatenate([np.ones((6, 5, 1)), rng.normal(size=(6, 5, 2))], -1)
    over = jnp.arange(5)[None] == 4
    target = jax.vmap(lambda r: discounted_returns(r, over[0], discount))(jnp.asarray(reward))
    by_hand = [[sum(discount ** (u - t) * r[u] for u in range(t, 5)) for t in range(5)] for r in reward]
    rows, y = jnp.asarray(features.reshape(-1, 3)), target.ravel()
    optimizer = optax.sgd(0.5)
    params, _ = fitted(linear, jnp.zeros(3), rows, y, optimizer, optimizer.init(jnp.zeros(3)), 300)
    wanted = np.linalg.lstsq(np.asarray(rows), np.ravel(by_hand), rcond=None)[0]
    np.testing.assert_allclose(params, wanted, rtol=1e-10)
    assert np.abs(np.asarray(rows) @ wanted - y).max() > 0.5


def chain() -> tuple[MDP, np.ndarray]:
    """Four states and an end, chances in quarters; and one row (s, s') for every quarter, whatever the action."""
    goes = np.array([[0, 2, 2, 0, 0], [1, 0, 1, 1, 1], [0, 1, 1, 2, 0], [1, 0, 0, 1, 2], [0, 0, 0, 0, 4]]) / 4
    reward = np.array([[1.0], [-2.0], [0.5], [3.0], [0.0]])
    mdp = check(MDP(goes[:, None], reward, 0.8, np.arange(5) == 4, np.eye(5)[0]))
    rows = [(s, after) for s in range(4) for after in range(5) for _ in range(round(4 * goes[s, after]))]
    return mdp, np.array(rows)


@pytest.mark.system("rl.bootstrap_policy_evaluation")
def test_fits_to_the_previous_fit_end_at_the_value_of_the_policy(x64):
    """A table, on every transition as often as it happens: each fit is one application of Bellman's equation, with a
    value at the end that must not count; a single gradient step per target gets there as well."""
    mdp, rows = chain()
    s, after = jnp.asarray(rows.T)
    reward, terminal = jnp.asarray(mdp.reward[rows[:, 0], 0]), jnp.asarray(mdp.terminal[rows[:, 1]])
    table = lambda params, s: params[s]
    optimizer = optax.sgd(4.0)  # rows of a state have the share 1/4: one step is enough for a table

    def evaluated(steps):
        def improve(_, v):
            target = one_step_target(reward, terminal, mdp.discount, v[after])
            return fitted(table, v, s, target, optimizer, optimizer.init(v), steps)[0]

        return jax.lax.fori_loop(0, 120, improve, jnp.full(5, 7.0))

    p, r = mdp.transition[:4, 0, :4], mdp.reward[:4, 0]
    wanted = np.linalg.solve(np.eye(4) - mdp.discount * p, r)
    for steps in (1, 3):
        got = evaluated(steps)
        np.testing.assert_allclose(got[:4], wanted, rtol=1e-10)
        assert got[4] == 7


@pytest.mark.system("rl.bootstrap_policy_evaluation")
def test_the_targets_are_those_of_before_the_fit(x64):
    """One fit of many steps is exactly one application of Bellman's equation, not two."""
    mdp, rows = chain()
    s, after = jnp.asarray(rows.T)
    before = jnp.arange(5.0)
    target = one_step_target(
        jnp.asarray(mdp.reward[rows[:, 0], 0]), jnp.asarray(mdp.terminal[rows[:, 1]]), mdp.discount, before[after]
    )
    optimizer = optax.sgd(1.0)
    got, _ = fitted(lambda params, s: params[s], before, s, target, optimizer, optimizer.init(before), 200)
    alive = np.where(mdp.terminal, 0, before)
    wanted = mdp.reward[:4, 0] + mdp.discount * mdp.transition[:4, 0] @ alive
    np.testing.assert_allclose(got[:4], wanted, rtol=1e-10)
