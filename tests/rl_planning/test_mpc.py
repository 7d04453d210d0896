"""Against Riccati's equation: linear dynamics, quadratic cost."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import epochs
from jaxicon.envs.environment import Box, Discrete, Environment
from jaxicon.rl_planning.mpc import Config, mpc, planned, promise

A, B = np.array([[1.0, 0.5], [0.0, 1.0]]), np.array([[0.1], [0.5]])
Q, R = np.diag([1.0, 0.3]), np.array([[0.5]])
STARTS = np.array([[2.0, -1.0], [-1.0, 0.5], [1.0, 2.0]])
BOX = Box(np.array([-9.0]), np.array([9.0]))


def linear(push: float = 1.0, horizon: int = 40) -> Environment:
    """x' = A x + push B u, which costs x^T Q x + u^T R u."""

    def step(key, x, u):
        after = A @ x + push * B @ u
        return after.astype(x.dtype), -(x @ Q @ x + u @ R @ u), jnp.array(False)

    return Environment(lambda key: jax.random.normal(key, (2,)), step, lambda x: x, BOX, horizon)


def example():
    return mpc(Config(3, 2, 8, 3), linear()), epochs(STARTS.astype(np.float32), 3)


def riccati(horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """(gain of the first of so many actions, value matrix), backwards from a last state that costs nothing."""
    p = np.zeros((2, 2))
    for _ in range(horizon):
        gain = np.linalg.solve(R + B.T @ p @ B, B.T @ p @ A)
        p = Q + A.T @ p @ (A - B @ gain)
    return gain, p


LIMIT = solve_discrete_are(A, B, Q, R)
SHARP = Config(iterations=60, population=400, elites=100, std=0.3)


@pytest.mark.system("plan.mpc")
def test_the_gain_tends_to_riccatis_as_the_horizon_grows(key, x64):
    """The first action is -K x; its K is that of the finite horizon and tends to that of the infinite one."""
    limit = np.linalg.solve(R + B.T @ LIMIT @ B, B.T @ LIMIT @ A)
    gaps = []
    for horizon in (1, 2, 4, 6, 8):
        config = replace(SHARP, horizon=horizon)
        search_key = jax.random.fold_in(key, horizon)
        first = lambda x: planned(search_key, config, linear(), x, jnp.zeros((horizon, 1)))[0]
        gain = -np.asarray(jax.jit(jax.vmap(first))(jnp.eye(2))).T
        np.testing.assert_allclose(gain, riccati(horizon)[0], atol=2e-3)
        gaps.append(abs(gain - limit).max())
    assert all(after < 0.8 * before for before, after in pairwise(gaps))
    assert gaps[-1] < 1e-2


def test_a_planned_trajectory_costs_as_little_as_riccatis(key, x64):
    """Within 1 %, and none costs less."""
    config = Config(10, iterations=30, population=200, elites=30, std=0.3)

    def cost(x):
        plan = planned(key, config, linear(), x, jnp.zeros((10, 1)))
        return -promise(jax.random.clone(key), linear(), x, plan)

    least = np.einsum("ni,ij,nj->n", STARTS, riccati(10)[1], STARTS)
    ratio = np.asarray(jax.jit(jax.vmap(cost))(jnp.asarray(STARTS))) / least
    assert ((ratio > 1 - 1e-12) & (ratio < 1.01)).all()


@pytest.mark.slow
@pytest.mark.system("plan.mpc")
def test_replanning_reaches_the_cost_of_the_infinite_horizon(key, x64):
    config = Config(6, 20, 100, 20, 0.2)
    method, stream = mpc(config, linear()), epochs(STARTS, 3)
    state, _ = train(jax.random.clone(key), method, stream, 40, chunk=40)
    least = np.einsum("ni,ij,nj->n", STARTS, LIMIT, STARTS).mean()
    cost = -evaluate(jax.random.clone(key), method, state, stream, 1)["return"]
    assert least < cost < 1.01 * least
    wrong = mpc(config, linear(), model=linear(push=-1.0))
    assert train(key, wrong, stream, 40, chunk=40)[0].score.mean() < -10 * least


@pytest.mark.system("plan.mpc")
def test_the_first_action_is_done_and_the_others_are_where_the_next_search_starts(key, x64):
    """Without iterations the plan is what it started from: it is carried out one by one, its last action repeated."""
    method, stream = mpc(Config(horizon=3, iterations=0), linear(horizon=5)), epochs(STARTS, 3)
    state, step = fresh(jax.random.clone(key), method, stream), jax.jit(method.step)
    plan = np.array([[[1.0], [-2.0], [0.5]], [[0.3], [0.2], [0.1]], [[-1.0], [0.0], [2.0]]])
    x, scores = np.asarray(state.world), np.zeros(3)
    state = state._replace(plan=jnp.asarray(plan))
    for t in range(7):  # two more than the environment's time limit
        u = plan[:, min(t, 2)]
        scores -= (t < 5) * (((x @ Q) * x).sum(1) + ((u @ R) * u).sum(1))
        x = x @ A.T + u @ B.T
        state, metrics = step(jax.random.fold_in(key, t), state, None)
        np.testing.assert_allclose(state.world, x, rtol=1e-12)
        np.testing.assert_allclose(state.score, scores, rtol=1e-12)
    assert metrics["reward"] == 0
    measured = method.evaluate(key, state, None)
    np.testing.assert_allclose((measured["return"], measured["worst"]), (scores.mean(), scores.min()))


@pytest.mark.slow
def test_nothing_is_earned_after_the_end(key):
    """A walk that pays one a step and is over at 3."""
    walk = Environment(lambda key: jnp.zeros(()), lambda key, x, u: (x + u[0], 1.0, x + u[0] >= 3), None, BOX, 9)
    pay = lambda u: promise(jax.random.clone(key), walk, jnp.zeros(()), jnp.full((6, 1), u))
    assert [float(pay(u)) for u in (3.0, 1.0, 0.5, -1.0)] == [1, 3, 6, 6]
    state, _ = train(key, mpc(Config(3, 0), walk), epochs(np.array([0.0, 2.5], np.float32), 2), 6)
    assert state.score.tolist() == [6, 6]  # no action, no end
    method = mpc(Config(3, 0), walk)
    state = state._replace(plan=jnp.ones((2, 3, 1)), world=jnp.array([0.0, 2.5]), time=0, score=jnp.zeros(2))
    for t in range(4):
        state, _ = method.step(jax.random.fold_in(key, t), state, None)
    assert state.score.tolist() == [3, 1]


def test_actions_to_choose_from_are_refused():
    with pytest.raises(ConfigError, match="continuous"):
        mpc(Config(), linear()._replace(actions=Discrete(2)))
