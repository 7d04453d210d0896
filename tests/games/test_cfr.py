"""Against OpenSpiel's iterates, linear programs and the known equilibria of Kuhn poker."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.extensive_form import Decision, Terminal, extensive_form
from jaxicon.envs.kuhn import kuhn
from jaxicon.envs.leduc import leduc
from jaxicon.games.cfr import Config, average, cfr
from tests.conftest import ROOT

KUHN = extensive_form(kuhn)
SOLVER = cfr(Config(), KUHN)


def example():
    return cfr(Config(random_start=0.1), KUHN), nothing


def pieces(key, method, points, chunk):
    """(iterations, state, the last metrics) at each of some numbers of iterations."""
    state, start = None, 0
    for stop in points:
        state, history = train(jax.random.clone(key), method, steps=stop - start, state=state, start=start, chunk=chunk)
        yield stop, state, {name: column[-1] for name, column in history.items()}
        start = stop


def score(method, state):
    return evaluate(jax.random.key(1), method, state, nothing, 1)


@pytest.mark.system("game.cfr")
def test_kuhn_follows_openspiel(key, x64):
    scores = [score(SOLVER, state)["nash_conv"] for _, state, _ in pieces(key, SOLVER, (1, 10, 100, 300), 300)]
    np.testing.assert_allclose(scores, [0.91666667, 0.13739759, 0.01645195, 0.00606792], atol=1e-8)


@pytest.mark.system("game.cfr")
def test_leduc_follows_openspiel(key, x64):
    golden = np.load(ROOT / "tests/golden/leduc_cfr.npz")
    game = extensive_form(leduc)
    solver = cfr(Config(), game)
    states = [state for _, state, _ in pieces(key, solver, golden["iterations"].tolist(), 30)]
    np.testing.assert_allclose([score(solver, s)["nash_conv"] for s in states], golden["nash_conv"], rtol=1e-9)
    rows = [sum(game.infosets, ()).index(name) for name in golden["infosets"].tolist()]
    np.testing.assert_allclose(jnp.concatenate(average(game, states[-1]))[jnp.array(rows)], golden["policy"], atol=1e-9)


@pytest.mark.system("game.cfr")
def test_kuhn_converges_to_the_value_of_the_linear_program_at_the_promised_rate(key, x64):
    points = np.unique(np.geomspace(30, 30_000, 13).astype(int)).tolist()
    measured = [(t, score(SOLVER, s), m["average_regret"]) for t, s, m in pieces(key, SOLVER, points, 10_000)]
    gaps = np.array([m["nash_conv"] for _, m, _ in measured])
    assert np.polyfit(np.log(points), np.log(gaps), 1)[0] <= -0.5
    assert all(m["nash_conv"] <= bound for _, m, bound in measured)
    assert bound_rate(measured) <= -0.4
    np.testing.assert_allclose(program(KUHN), -1 / 18, atol=1e-9)
    np.testing.assert_allclose(measured[-1][1]["value"], -1 / 18, atol=1e-4)


def bound_rate(measured):
    return np.polyfit(np.log([t for t, _, _ in measured]), np.log([bound for _, _, bound in measured]), 1)[0]


def program(game) -> float:
    """The value of a game by linear programming: max p_0 over plans x and prices p with F^T p <= A^T x."""
    flows = []
    for levels in game.levels:
        sizes = [level.legal.size for level in levels]
        flow = np.zeros((1 + sum(len(level.above) for level in levels), 1 + sum(sizes)))
        flow[0, 0], row, above, start = 1, 1, 0, 1
        for level in levels:
            for i in range(len(level.above)):
                flow[row, above + level.above[i]] = -1
                flow[row, start + i * level.legal.shape[1] : start + (i + 1) * level.legal.shape[1]] = 1
                row += 1
            above, start = start, start + level.legal.size
        flows.append(flow)
    (e, f), payoff = flows, np.zeros((flows[0].shape[1], flows[1].shape[1]))
    np.add.at(payoff, tuple(game.sequences), game.payoff * game.chance)
    cost = np.zeros(e.shape[1] + f.shape[0])
    cost[e.shape[1]] = -1
    bounds = [(0, None)] * e.shape[1] + [(None, None)] * f.shape[0]
    equal = np.hstack([e, np.zeros((e.shape[0], f.shape[0]))])
    above = np.hstack([-payoff.T, f.T])
    return -linprog(cost, above, np.zeros(len(above)), equal, np.eye(len(e))[0], bounds).fun


@pytest.mark.system("game.nash")
def test_matrix_game_reaches_the_value_of_its_linear_program(key, x64):
    matrix = np.random.default_rng(0).normal(size=(4, 3))
    choose = lambda player: Decision(player, "once", tuple(range(matrix.shape[player])))
    rules = lambda history: choose(len(history)) if len(history) < 2 else Terminal(float(matrix[history]))
    solver = cfr(Config(), extensive_form(rules))
    state, _ = train(key, solver, steps=20_000, chunk=20_000)
    rows = np.hstack([-matrix.T, np.ones((3, 1))])
    best = linprog([0, 0, 0, 0, -1], rows, np.zeros(3), [[1, 1, 1, 1, 0]], [1], [(0, None)] * 4 + [(None, None)])
    np.testing.assert_allclose(score(solver, state)["value"], best.x[4], atol=1e-3)
    assert 0 <= score(solver, state)["nash_conv"] < 1e-3


@pytest.mark.system("game.nash")
def test_random_starts_find_different_members_of_the_known_family_of_equilibria(key, x64):
    """Player 0 bets a jack with any probability alpha <= 1/3, a king with 3 alpha, calls with a queen alpha + 1/3."""
    solver = cfr(Config(random_start=0.3), KUHN)
    states, _ = train(jax.random.split(key, 4), solver, steps=20_000, chunk=20_000)
    policies = jnp.concatenate(jax.vmap(lambda s: average(KUHN, s))(states), axis=1)
    bet = dict(zip(sum(KUHN.infosets, ()), np.asarray(policies[:, :, 1]).T, strict=True))
    assert np.ptp(bet["J"]) > 0.05
    np.testing.assert_allclose(bet["K"], 3 * bet["J"], atol=0.02)
    np.testing.assert_allclose(bet["Qpb"], bet["J"] + 1 / 3, atol=0.02)
    fixed = {"Q": 0, "Jpb": 0, "Kpb": 1, "Jp": 1 / 3, "Jb": 0, "Qp": 0, "Qb": 1 / 3, "Kp": 1, "Kb": 1}
    for name, chance in fixed.items():
        np.testing.assert_allclose(bet[name], chance, atol=0.02)


def test_act_samples_the_average_strategy(key, x64):
    state, _ = train(key, SOLVER, steps=100)
    policy = np.concatenate([np.asarray(p) for p in average(KUHN, state)])
    draws = jax.vmap(lambda key: jax.vmap(SOLVER.act, (None, None, 0))(key, state, jnp.arange(12)))
    actions = draws(jax.random.split(jax.random.key(2), 4000))
    np.testing.assert_allclose(actions.mean(0), policy[:, 1], atol=0.04)
