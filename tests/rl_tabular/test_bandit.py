from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import rel_entr

from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.bandit import bernoulli, fixed, gaussian
from jaxicon.ops.exploration import constant, greedily, optimistic, randomly, rules, ucb
from jaxicon.rl_tabular.bandit import Config, bandit

ARMS = np.array([0.8, 0.5, 0.4])


def example():
    return bandit(Config(), gaussian(), ucb(1.0)), nothing


@cache
def regrets(rule: str, runs: int = 300, steps: int = 3000) -> np.ndarray:
    """Cumulative regret on ARMS, a mean over independent runs [steps]."""
    rule = {"ucb": ucb(2**0.5), "constant": constant(0.1), "random": randomly()}[rule]
    keys = jax.random.split(jax.random.key(5), runs)
    _, history = train(keys, bandit(Config(), fixed(bernoulli(3), ARMS), rule), nothing, steps, chunk=steps)
    return history["regret"].mean(0).cumsum()


@pytest.mark.system("rl.bandit")
def test_values_are_those_of_a_plain_loop(x64, key):
    """Drifting arms and a step size between constant and sample average; the loop is told what was pulled and paid."""
    method = bandit(Config(step_size=0.9, power=0.4), gaussian(4, drift=0.1), optimistic(1.5))
    state, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    values, visits, regret, best = np.full(4, 1.5), np.zeros(4, int), 0.0, 0
    for t in range(200):
        means, before = np.asarray(state.means), np.asarray(state.visits)
        state, metrics = step(jax.random.fold_in(key, t), state, None)
        a = int((np.asarray(state.visits) - before).argmax())
        assert a in np.flatnonzero(values >= values.max() - 1e-12)  # the optimist is greedy
        visits[a] += 1
        values[a] += 0.9 / visits[a] ** 0.4 * (float(metrics["reward"]) - values[a])
        regret, best = regret + means.max() - means[a], best + (a == means.argmax())
    np.testing.assert_allclose(state.values, values, rtol=1e-12)
    measured = evaluate(key, method, state, nothing, 1)
    np.testing.assert_allclose([measured["regret"], measured["optimal"]], [regret, best / 200], rtol=1e-12)


@pytest.mark.system("rl.bandit")
def test_sample_averages_are_the_means_of_what_was_paid(x64, key):
    keys = jax.random.split(key, 50)
    state, history = train(keys, bandit(Config(), gaussian(3), randomly()), nothing, 400, chunk=400)
    np.testing.assert_allclose((state.values * state.visits).sum(-1), history["reward"].sum(-1), rtol=1e-9)
    spread = np.asarray((state.values - state.means) * np.sqrt(state.visits))  # standard normal
    assert abs(spread.mean()) < 4 / 150**0.5
    assert abs(spread.std() - 1) < 4 / 300**0.5
    gap = (state.means.max(-1, keepdims=True) - state.means).mean()
    np.testing.assert_allclose(history["regret"].mean(), gap, rtol=0.02)  # of the uniform player


@pytest.mark.system("rl.explore_greedy")
@pytest.mark.parametrize("honest", [0.25, 0.8])
def test_greedy_is_stuck_on_the_sure_arm_as_often_as_the_better_one_lies(honest, key):
    """A sure arm of 0.2 and one that pays 1 with a chance. The first to pay is played for ever; while neither has paid,
    the choice is a toss: s = 1/2 + (1 - chance) s / 2, so that the sure arm wins with 1 / (1 + chance)."""
    pull = lambda key, mean: jnp.where(mean == honest, jax.random.bernoulli(key, honest).astype(float), mean)
    testbed = fixed(bernoulli(2), np.array([0.2, honest]))._replace(pull=pull)
    keys = jax.random.split(key, 2000)
    state, _ = train(keys, bandit(Config(), testbed, greedily()), nothing, 60, chunk=60)
    stuck, expected = np.asarray(state.visits[:, 0] > 0), 1 / (1 + honest)
    assert abs(stuck.mean() - expected) < 4 * (expected * (1 - expected) / 2000) ** 0.5
    last = np.asarray(state.visits[stuck])
    assert (last[:, 0] + last[:, 1] == 60).all()
    assert (np.asarray(state.values)[stuck, 1] == 0).all()  # what it saw of the better arm, if anything, was a lie


@pytest.mark.system("rl.explore_ucb")
def test_the_regret_of_ucb_grows_with_the_logarithm_of_time():
    """Between the bound of Lai & Robbins on its slope in ln t and that of Auer et al. on all of it."""
    regret, t = regrets("ucb"), np.arange(1, 3001)
    late = t >= 100
    line = np.polynomial.Polynomial.fit(np.log(t[late]), regret[late], 1).convert()
    residual = regret[late] - line(np.log(t[late]))
    assert 1 - residual.var() / regret[late].var() > 0.99
    gaps = ARMS.max() - ARMS[1:]
    divergence = rel_entr(ARMS[1:], 0.8) + rel_entr(1 - ARMS[1:], 1 - 0.8)
    assert (gaps / divergence).sum() < line.coef[1] < (8 / gaps).sum()
    assert (regret <= (8 / gaps).sum() * np.log(t) + (1 + np.pi**2 / 3) * gaps.sum()).all()
    growth = np.log(regret[2999] / regret[299]) / np.log(10)
    assert growth < 0.5
    linear = regrets("constant")
    late_growth = (linear[2999] - linear[1999]) / 1000  # for ever epsilon times the mean gap
    np.testing.assert_allclose(late_growth, 0.1 * gaps.sum() / 3, rtol=0.1)


@pytest.mark.slow
@pytest.mark.system("rl.bandit")
def test_a_constant_step_size_follows_arms_that_drift(key):
    """Exercise 2.5 of Sutton & Barto: the sample average remembers what is no longer true."""
    share = {}
    for name, config in (("average", Config()), ("constant", Config(step_size=0.1, power=0.0))):
        method = bandit(config, gaussian(5, 0.01, 1.0, drift=0.05), constant(0.1))
        _, history = train(jax.random.split(jax.random.clone(key), 200), method, nothing, 3000, chunk=3000)
        share[name] = history["optimal"][:, 2000:].mean()
    assert share["constant"] > share["average"] + 0.05, share


@pytest.mark.system("rl.bandit")
def test_the_figure_shows_the_regret_of_every_rule():
    from experiments.rl_tabular import bandit_testbed

    history = {f"{name}_regret": np.full((2, 4), float(i + 1)) for i, name in enumerate(rules())} | {
        "t": np.array([10, 20, 40, 80])
    }
    axes = bandit_testbed.regret_figure(history).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert lines.keys() >= rules().keys()
    for i, name in enumerate(rules()):
        np.testing.assert_allclose(lines[name], (i + 1) * history["t"])
